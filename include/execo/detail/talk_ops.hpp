// The awaiters of messages between the commands of a tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "execo/detail/action_ops.hpp"
#include "execo/detail/operation.hpp"
#include "execo/detail/state_ref.hpp"
#include "execo/detail/talk_waiter.hpp"
#include "execo/tree_message.hpp"

namespace execo::detail {

class talk_group;
void retain(talk_group& talk) noexcept;
void release(talk_group& talk) noexcept;
using talk_ref = state_ref<talk_group>;

class talk_op : public operation, protected talk_waiter {
 protected:
  talk_op(action_ref of, talk_ref talk) noexcept;
  talk_op(talk_op&& other) noexcept;
  /// Leads to talk_done().
  virtual void begin(talk_waiter& self) = 0;
  /// From the loop, after talk_done(). False: it waits once more.
  virtual bool take(std::uint32_t receivers) = 0;
  void check() const;

  talk_ref talk_;

 private:
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return stage_ == stage::abandoned; }
  void talk_done(std::uint32_t receivers) noexcept override;
  void finish();
  void begin_contained() noexcept;

  // waiting -> done, by talk_done() -> waiting, if there was nothing to take; waiting -> abandoned
  enum class stage : std::uint8_t { waiting, done, abandoned };

  action_ref action_;
  queue_node step_;
  std::exception_ptr error_;
  std::uint32_t receivers_ = 0;
  stage stage_ = stage::waiting;
};

class [[nodiscard]] talk_send_op final : public talk_op {
 public:
  talk_send_op(action_ref of, talk_ref talk, std::vector<std::size_t> ranks, std::string bytes)
      : talk_op(std::move(of), std::move(talk)),
        ranks_(std::move(ranks)),
        bytes_(std::move(bytes)) {}
  talk_send_op(talk_send_op&& other) noexcept
      : talk_op(std::move(other)),
        ranks_(std::move(other.ranks_)),
        bytes_(std::move(other.bytes_)) {}
  /// To how many.
  std::size_t await_resume() const {
    check();
    return sent_;
  }

 private:
  void begin(talk_waiter& self) override;
  bool take(std::uint32_t receivers) override {
    sent_ = receivers;
    return true;
  }
  const char* what() const noexcept override { return "room for a message to commands of a tree"; }

  std::vector<std::size_t> ranks_;
  std::string bytes_;
  std::size_t sent_ = 0;
};

class [[nodiscard]] talk_receive_op final : public talk_op {
 public:
  talk_receive_op(action_ref of, talk_ref talk) noexcept
      : talk_op(std::move(of), std::move(talk)) {}
  talk_receive_op(talk_receive_op&& other) noexcept : talk_op(std::move(other)) {}
  std::optional<tree_message> await_resume() {
    check();
    return std::move(taken_);
  }

 private:
  void begin(talk_waiter& self) override;
  bool take(std::uint32_t receivers) override;
  const char* what() const noexcept override { return "a message of a command of a tree"; }

  std::optional<tree_message> taken_;
};

}  // namespace execo::detail
