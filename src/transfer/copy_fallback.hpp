// A copy that a host may not be able to take as it is tried first: it is tried again in other ways,
// one whose host runs no script over SFTP.
//
//   state    meaning                                        leaves by
//   idle     not started                                    start: first
//   first    the first copy                                 the host has ignored it: waiting;
//                                                           another end: ended
//   waiting  another try is to begin                        a turn of the loop: second, or ended
//                                                           if it was given up meanwhile, or there
//                                                           is no other way
//   second   a copy after the first                         as first
//   ended    the result is final
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "transfer/copy_execution.hpp"

namespace execo::detail {

class copy_fallback final : public execution, private end_observer, private output_tap {
 public:
  class next_try {
   public:
    intrusive_ptr<copy_execution> copy;  // null: there is none
    std::string_view why;                // for its result
  };
  using maker = std::function<next_try()>;

  /// `next` is called on the loop when another try is needed.
  copy_fallback(loop& on, intrusive_ptr<copy_execution> first, maker next);

  void start() override;
  void cancel(int signal) noexcept override;
  void kill(int signal) noexcept override;
  void pause(stream, bool) override {}
  result take_result() noexcept override { return std::move(result_); }
  pid_t pid() const noexcept override { return running().pid(); }
  bool ended() const noexcept override { return state_ == state::ended; }
  const result& result_so_far() const noexcept override;

 private:
  enum class state : std::uint8_t { idle, first, waiting, second, ended };

  bool may_begin(execution&) noexcept override;
  void on_phase(execution&, phase entered) noexcept override;
  void on_running(execution&) override;
  bool wants_output() const noexcept override { return false; }
  void on_output(execution&, stream, std::span<const char>) override {}
  void on_end(execution&) noexcept override;

  copy_execution& running() const noexcept;
  void begin(copy_execution& one);
  void begin_second();
  void take_second(result found) noexcept;
  void take_end() noexcept;
  void end() noexcept;

  loop& loop_;
  intrusive_ptr<copy_execution> first_;
  intrusive_ptr<copy_execution> second_;
  maker make_next_;
  std::string_view why_second_;
  queue_node step_;
  result result_;
  intrusive_ptr<copy_fallback> self_;  // while it waits
  state state_ = state::idle;
  bool is_given_up_ = false;
  bool has_run_ = false;
};

}  // namespace execo::detail
