// One host of a get(): its sender is a command like any other, over whatever transport there is.
//
//   state      meaning                                     leaves by
//   idle       not started                                 start: reaching
//   reaching   nothing came yet                            file: contents; tar: archive;
//                                                          failed: trailing
//   contents   those of one file come                      all of them: trailing
//   archive    a tar archive comes                         its end: trailing
//   trailing   the last lines come                         its end: ended
//   broken     what came is of no use; it is being ended   its end: ended
//   ended      the result is final
//
// From each state the end of the sender leads to ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "execo/detail/deadline_timer.hpp"
#include "process/execution.hpp"
#include "process/lifecycle.hpp"
#include "transfer/copy_counts.hpp"
#include "transfer/get_script.hpp"
#include "transfer/mark_reader.hpp"
#include "transfer/rate_limit.hpp"
#include "transfer/received_files.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {

/// What all hosts of a get() on one loop share.
class get_share {
 public:
  std::shared_ptr<copy_counts> counts;
  bool preserves = false;
  rate_limit rate{0};                // of all of them
  std::uint64_t bytes_a_second = 0;  // of each; 0: no limit
  duration idle_timeout{0};          // no byte moves; 0: no limit
};

class get_execution final : public execution, private end_observer, private output_tap {
 public:
  /// `mark`: the one that the sender was given.
  get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                std::shared_ptr<get_share> shared, std::string mark);

  void start() override;
  void cancel(int signal) noexcept override { sender_->cancel(signal); }
  void kill(int signal) noexcept override { sender_->kill(signal); }
  void pause(stream, bool) override {}
  result take_result() noexcept override { return std::move(result_); }
  pid_t pid() const noexcept override { return sender_->pid(); }
  bool ended() const noexcept override { return state_ == state::ended; }
  const result& result_so_far() const noexcept override {
    return ended() ? result_ : sender_->result_so_far();
  }

 private:
  enum class state : std::uint8_t { idle, reaching, contents, archive, trailing, broken, ended };

  bool may_begin(execution&) noexcept override { return tap_ == nullptr || tap_->may_begin(*this); }
  void on_phase(execution&, phase entered) noexcept override {
    if (tap_ != nullptr) tap_->on_phase(*this, entered);
  }
  void on_running(execution&) override;
  void on_output(execution&, stream which, std::span<const char> bytes) override;
  void on_end(execution&) noexcept override;

  void read_on(std::span<const char>& bytes);
  void answer(std::string_view line);
  void begin_file(const tar_entry& entry);
  void begin_archive();
  void take_contents(std::span<const char>& bytes);
  void take_archive(std::span<const char>& bytes);
  void end_contents();
  void hold_back(std::size_t bytes);
  void read_again();
  void note_progress();
  void stalled();
  void check(copy_failure failed) noexcept;
  void judge() noexcept;
  copy_failure judged();

  loop& loop_;
  intrusive_ptr<lifecycle> sender_;
  std::shared_ptr<get_share> shared_;
  mark_reader lines_;
  received_files files_;
  tar_reader tar_{files_};
  std::optional<sha256> sum_;  // of one file
  std::string digest_;         // the same, once all came
  std::uint64_t left_ = 0;     // bytes of the file
  rate_limit rate_;
  deadline_timer turn_;   // until the rate lets more pass
  deadline_timer stall_;  // no byte has moved
  std::optional<get_answer> last_;
  copy_failure failed_;
  result result_;
  state state_ = state::idle;
  bool is_stalled_ = false;
};

}  // namespace execo::detail
