// A file on this host that is being written: beside its target, which it replaces when it is whole.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "wire/file_messages.hpp"

namespace execo::agent {

/// A name that nobody can guess.
std::string random_file_name();

/// Gives an open file or directory its owner, mode and time. Null, or the step that has failed,
/// with errno.
const char* settle_file(int file, const detail::file_facts& facts, bool preserves,
                        mode_t mask) noexcept;

/// idle    -> writing  open()
/// writing -> done     finish()
/// idle, writing -> failed  a call has failed, or discard(): nothing is left on the disk; what
///                          the order says to resume is, until there was a failure
enum class writer_state : std::uint8_t { idle, writing, done, failed };

class file_writer {
 public:
  /// `mask`: of the user, for the mode of what is made.
  file_writer(detail::file_order_message order, mode_t mask);
  file_writer(const file_writer&) = delete;
  file_writer& operator=(const file_writer&) = delete;
  ~file_writer() { discard(); }

  // False: see error() and failure().
  /// `offered`: what an earlier agent had of it; empty: nothing.
  bool open(detail::unique_fd offered);
  /// Bytes that are there, from an earlier time, and may be the first ones: parts, or all.
  std::uint64_t found() const noexcept { return found_; }
  /// Goes on behind so many of them.
  void keep(std::uint64_t bytes) noexcept { size_ = bytes; }
  /// They are others: nothing is there. False as above.
  bool begin_anew();
  bool write(std::string_view bytes);
  bool finish();
  /// Of what was written, from there on; also after it is done or has failed to be. Empty: it
  /// cannot be read.
  std::string_view read(std::uint64_t offset, std::size_t size, std::string& into) const;
  void discard() noexcept;
  /// From now on nothing of it is worth being resumed.
  void drop_kept() noexcept { keeps_ = false; }
  /// All of it was there, under its name.
  bool is_unchanged() const noexcept { return is_target_; }

  /// Of a file without a name; -1: it has one.
  int nameless_file() const noexcept {
    return temporary_.empty() && !is_target_ ? file_.get() : -1;
  }

  // Where its target is. The folder is open until it is done; for what a content of entries holds,
  // too. Pre: open() was true.
  int folder() const noexcept { return folder_.get(); }
  const std::string& base() const noexcept { return base_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& target() const noexcept { return target_; }

  const detail::file_order_message& order() const noexcept { return order_; }
  writer_state state() const noexcept { return state_; }
  std::uint64_t size() const noexcept { return size_; }
  int error() const noexcept { return error_; }
  /// The step, if the error alone does not tell, and the path.
  const std::string& failure() const noexcept { return failure_; }

 private:
  void choose_target();
  bool need_folder();
  bool make_folders();
  bool may_replace_target();
  bool open_same();
  bool open_kept();
  bool open_offered(detail::unique_fd offered);
  void find_parts(const struct stat& about) noexcept;
  bool open_temporary();
  bool give_name();
  bool sync_folder();
  bool fail(const char* step, const std::string& path);
  bool fail(int error, const std::string& path);
  bool syncs() const noexcept { return order_.has(detail::file_flag::sync); }

  detail::file_order_message order_;
  mode_t mask_;
  std::string base_;       // the folder
  std::string name_;       // of the target in it
  std::string target_;     // both
  std::string temporary_;  // its name in the folder; empty: it has none
  detail::unique_fd folder_, file_;
  std::uint64_t found_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t synced_ = 0;
  writer_state state_ = writer_state::idle;
  bool keeps_ = false;      // the temporary one stays when it is discarded
  bool is_target_ = false;  // the file is the target itself, and only read
  int error_ = 0;
  std::string failure_;
};

}  // namespace execo::agent
