// One host of a get(): its sender is a command like any other, over whatever transport there is.
//
//   state      meaning                                     leaves by
//   idle       not started                                 start: reaching
//   reaching   nothing came yet                            file: contents, offered, comparing,
//                                                          resuming or unchanged; tar: archive or
//                                                          waiting; entries: entries; failed:
//                                                          trailing
//   entries    those of several come one by one            file: contents, offered, comparing or
//                                                          resuming; their end: trailing
//   offered    the host is to say the digest of the file   it does: waiting
//   comparing  the digests of the file are computed, on    both: unchanged or entries, resuming,
//              the host and of what is here                waiting, contents
//   resuming   the digest of what is kept is computed      its end: waiting or contents
//   waiting    other hosts send, or one the same           its turn: contents or archive; the same
//                                                          has come: copying
//   copying    from the same file of another host          its end: trailing or entries
//   contents   those of one file come                      all of them: trailing or entries
//   archive    a tar archive comes                         its end: trailing
//   unchanged  the file is here: none of it is wanted      its end: ended
//   trailing   the last lines come                         its end: ended
//   broken     what came is of no use; it is being ended   its end: ended
//   ended      the result is final
//
// From each state the end of the sender leads to ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "transfer/copy_execution.hpp"
#include "transfer/equal_files.hpp"
#include "transfer/file_digest.hpp"
#include "transfer/get_script.hpp"
#include "transfer/received_files.hpp"
#include "transfer/sha256.hpp"
#include "transfer/skip_rule.hpp"

namespace execo::detail {

class get_share : public copy_share {
 public:
  bool preserves = false;
  bool resumes = false;
  bool syncs = false;
  skip_rule skip = skip_rule::none;
  /// Few hosts send at a time, and equal files are sent once. Null: each host sends at once.
  std::unique_ptr<equal_files> turns;
  std::shared_ptr<received_limits> limits;  // null: none
  std::uint64_t unasked_size = 0;  // what a file has at most that is sent at once in spite of that

  /// What is wanted of each file.
  bool answers() const noexcept { return resumes || skip != skip_rule::none; }
};

class get_execution final : public copy_execution {
 public:
  /// `mark`: the one that the sender was given.
  get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                std::shared_ptr<get_share> shared, std::string mark);

  bool ended() const noexcept override { return state_ == state::ended; }

 private:
  enum class state : std::uint8_t {
    idle,
    reaching,
    entries,
    offered,
    comparing,
    resuming,
    waiting,
    copying,
    contents,
    archive,
    unchanged,
    trailing,
    broken,
    ended,
  };

  // What a turn is waited for.
  enum class wish : std::uint8_t { file, rest_of_file, archive };

  void on_start() override;
  void on_answer(std::span<const char> bytes) override;
  copy_failure judged() override;
  void let_go() noexcept override;

  void read_on(std::span<const char>& bytes);
  void answer(std::string_view line);
  void take_sum(const std::string& hex);
  void begin_entries();
  void begin_file(const tar_entry& entry);
  copy_failure open();
  copy_failure begin_offered(const tar_entry& entry);
  copy_failure begin_new(const tar_entry& entry);
  copy_failure choose(const tar_entry& entry);
  void compare(unique_fd here);
  void on_compared();
  void compare_on();
  void leave_out();
  copy_failure begin_kept();
  copy_failure resume(std::uint64_t have);
  void on_resumed();
  void begin_sending(std::uint64_t have, sha256 so_far);
  void want(wish what, const std::string& digest = {});
  void on_decided();
  void take_turn();
  copy_failure begin_copying();
  void copy_on();
  copy_failure copy_some();
  copy_failure end_copying();
  void leave_turn() noexcept;
  void begin_contents();
  void say(std::string_view line);
  void say_on();
  void on_said(std::size_t left, bool closed);
  bool keeps() const noexcept;
  void begin_archive();
  void take_contents(std::span<const char>& bytes);
  void take_archive(std::span<const char>& bytes);
  copy_failure end_contents();
  void count_moved(std::size_t bytes) noexcept;
  void hold_back(std::size_t bytes);
  void read_again();
  void check(copy_failure failed) noexcept;
  template <class Call>
  void guarded(Call&& call) noexcept;

  std::shared_ptr<get_share> shared_;
  received_files files_;
  tar_reader tar_{files_};
  file_digest computed_;               // of what is here
  tar_entry entry_;                    // one file, while it is chosen what is wanted of it
  std::optional<std::string> theirs_;  // digest of it, before it is sent
  std::optional<std::string> ours_;    // the same of what is here
  std::string to_say_;
  std::string saying_;         // a write is under way
  std::optional<sha256> sum_;  // of one file
  std::string digest_;         // the same, once all came
  std::uint64_t left_ = 0;     // bytes of the file
  wanted_file wanted_;
  deadline_timer copy_step_;
  std::optional<get_answer> last_;
  wish wish_ = wish::file;
  state state_ = state::idle;
  state after_file_ = state::trailing;  // or entries
};

}  // namespace execo::detail
