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

#include "transfer/copy_execution.hpp"
#include "transfer/get_script.hpp"
#include "transfer/received_files.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {

class get_share : public copy_share {
 public:
  bool preserves = false;
};

class get_execution final : public copy_execution {
 public:
  /// `mark`: the one that the sender was given.
  get_execution(loop& on, intrusive_ptr<lifecycle> sender, received_place where,
                std::shared_ptr<get_share> shared, std::string mark);

  bool ended() const noexcept override { return state_ == state::ended; }

 private:
  enum class state : std::uint8_t { idle, reaching, contents, archive, trailing, broken, ended };

  void on_start() override;
  void on_answer(std::span<const char> bytes) override;
  copy_failure judged() override;
  void let_go() noexcept override;

  void read_on(std::span<const char>& bytes);
  void answer(std::string_view line);
  void begin_file(const tar_entry& entry);
  void begin_archive();
  void take_contents(std::span<const char>& bytes);
  void take_archive(std::span<const char>& bytes);
  void end_contents();
  void hold_back(std::size_t bytes);
  void read_again();
  void check(copy_failure failed) noexcept;

  std::shared_ptr<get_share> shared_;
  received_files files_;
  tar_reader tar_{files_};
  std::optional<sha256> sum_;  // of one file
  std::string digest_;         // the same, once all came
  std::uint64_t left_ = 0;     // bytes of the file
  std::optional<get_answer> last_;
  state state_ = state::idle;
};

}  // namespace execo::detail
