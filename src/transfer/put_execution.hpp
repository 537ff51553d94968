// One host of a put(): its receiver is a command like any other, over whatever transport there is.
//
//   state       meaning                                      leaves by
//   idle        not started                                  start: reaching
//   reaching    the receiver is on its way                   it runs: digesting or telling
//   digesting   the digest of the sources is not there yet   digest: telling; failure: concluding
//   telling     what comes is on its way to the receiver     all of that: asking, or sending if the
//                                                            answer was faster
//   asking      it knows what comes                          ready: sending; other answers:
//                                                            concluding
//   sending     bytes are on their way                       the last one, a failure: concluding
//   concluding  the receiver checks and renames              its end: ended
//   ended       the result is final
//
// From each state the end of the receiver leads to ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "execo/detail/deadline_timer.hpp"
#include "process/execution.hpp"
#include "process/lifecycle.hpp"
#include "transfer/copy_counts.hpp"
#include "transfer/mark_reader.hpp"
#include "transfer/put_content.hpp"
#include "transfer/put_script.hpp"
#include "transfer/rate_limit.hpp"

namespace execo::detail {

/// What all hosts of a put() on one loop share, besides what they are sent.
class put_share {
 public:
  put_settings how;
  std::shared_ptr<copy_counts> counts;
  rate_limit rate{0};                // of all of them
  std::uint64_t bytes_a_second = 0;  // of each; 0: no limit
  duration idle_timeout{0};          // no byte moves; 0: no limit
};

class put_execution final : public execution,
                            private end_observer,
                            private output_tap,
                            private digest_waiter,
                            private piece_waiter {
 public:
  /// `mark`: the one that the receiver was given.
  put_execution(loop& on, intrusive_ptr<lifecycle> receiver, std::shared_ptr<put_content> what,
                std::shared_ptr<put_share> shared, std::string mark);

  void start() override;
  void cancel(int signal) noexcept override { receiver_->cancel(signal); }
  void kill(int signal) noexcept override { receiver_->kill(signal); }
  void pause(stream, bool) override {}
  result take_result() noexcept override { return std::move(result_); }
  pid_t pid() const noexcept override { return receiver_->pid(); }
  bool ended() const noexcept override { return state_ == state::ended; }
  const result& result_so_far() const noexcept override {
    return ended() ? result_ : receiver_->result_so_far();
  }

 private:
  enum class state : std::uint8_t {
    idle,
    reaching,
    digesting,
    telling,
    asking,
    sending,
    concluding,
    ended,
  };

  bool may_begin(execution&) noexcept override { return tap_ == nullptr || tap_->may_begin(*this); }
  void on_phase(execution&, phase entered) noexcept override {
    if (tap_ != nullptr) tap_->on_phase(*this, entered);
  }
  void on_running(execution&) override;
  void on_output(execution&, stream which, std::span<const char> bytes) override;
  void on_end(execution&) noexcept override;
  void on_digest() noexcept override;
  void on_room() noexcept override;

  void tell();
  void answer(std::string_view line);
  void begin_to_send();
  void send_next();
  void send_part();
  void on_written(std::size_t left, bool closed);
  void wait_for_rate(std::size_t bytes);
  void note_progress();
  void stalled();
  void unanswered();
  void conclude() noexcept;
  void fail(copy_failure why) noexcept;
  void give_back() noexcept;
  void judge() noexcept;
  template <class Call>
  void guarded(Call&& call) noexcept;

  loop& loop_;
  intrusive_ptr<lifecycle> receiver_;
  std::shared_ptr<put_content> content_;
  std::shared_ptr<put_share> shared_;
  mark_reader lines_;
  rate_limit rate_;
  deadline_timer turn_;   // until the rate lets more pass
  deadline_timer stall_;  // no byte has moved
  deadline_timer answer_;
  std::string header_;
  put_content::part part_;
  std::uint64_t offset_ = 0;                  // of the next byte to give to the transport
  std::optional<std::uint64_t> wanted_from_;  // as the receiver answered
  std::optional<put_answer> last_;
  copy_failure failed_;
  result result_;
  state state_ = state::idle;
  bool is_stalled_ = false;
};

}  // namespace execo::detail
