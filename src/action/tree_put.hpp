// One host of a put() by way of others: its file is written by its agent.
//
// idle -> running  start()
// running -> ended the agent's answer, or the loss of the way to it
#pragma once

#include <memory>

#include "transfer/copy_execution.hpp"
#include "transfer/put_content.hpp"
#include "transfer/put_script.hpp"
#include "tree/tree_copy_transport.hpp"

namespace execo::detail {

/// What all hosts are sent.
std::shared_ptr<tree_content> make_tree_content(std::shared_ptr<const source_tree> sources);

/// Whether agents do what is asked for.
bool agents_can(const put_settings& how, const put_content& what,
                const std::string& destination) noexcept;

/// Pre: agents_can().
file_order_message order_of(const put_settings& how, const put_content& what,
                            const std::string& destination);

class tree_put final : public copy_execution {
 public:
  /// `writer`: over the transport that `what` was given to.
  tree_put(loop& on, intrusive_ptr<lifecycle> writer, std::shared_ptr<tree_file> what,
           std::shared_ptr<copy_share> shared);

  bool ended() const noexcept override { return state_ == state::ended; }

 private:
  enum class state : std::uint8_t { idle, running, ended };

  void on_start() override;
  void on_answer(std::span<const char>) override {}
  copy_failure judged() override;
  void let_go() noexcept override;
  bool is_ignored() const noexcept override { return what_->is_lost; }
  void no_turn() {}

  std::shared_ptr<tree_file> what_;
  std::shared_ptr<copy_share> shared_;
  state state_ = state::idle;
};

}  // namespace execo::detail
