// Makes the files, directories and links of a content that has come whole: in a directory beside
// the target, from which they are moved to their names when all of them are there.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/file_writer.hpp"
#include "base/fd.hpp"
#include "wire/file_messages.hpp"

namespace execo::agent {

/// entries -> settling -> moving -> done, by step(); from each to failed, with nothing left of what
/// has no name yet
enum class unpack_state : std::uint8_t { entries, settling, moving, done, failed };

class file_unpacker {
 public:
  /// Pre: `from` has all of its content, and outlives this.
  file_unpacker(const file_writer& from, mode_t mask);
  file_unpacker(const file_unpacker&) = delete;
  file_unpacker& operator=(const file_unpacker&) = delete;
  ~file_unpacker() { clear(); }

  /// A part of the work: an agent has more to do. False: it is done, or has failed.
  bool step();
  unpack_state state() const noexcept { return state_; }
  int error() const noexcept { return error_; }
  const std::string& failure() const noexcept { return failure_; }

 private:
  bool begin();
  bool read_head(detail::file_entry& into);
  bool make_one();
  bool make(const detail::file_entry& entry);
  bool copy_some();
  bool settle_one();
  bool settle(int file, const detail::file_facts& facts);
  /// Where an entry lies; its last name.
  detail::unique_fd folder_of(std::string_view& path) const;
  bool move_all();
  bool move(int from, const std::string& name, int to, const std::string& new_name,
            const std::string& path);
  bool merge(int from, const std::string& name, int to, const std::string& new_name,
             const std::string& path);
  bool fail(const char* step, const std::string& path);
  bool fail(int error, const std::string& path);
  void clear() noexcept;

  const file_writer& from_;
  const detail::file_order_message& order_;
  mode_t mask_;
  std::string temporary_;
  detail::unique_fd folder_;  // the temporary one
  std::uint64_t at_ = 0;      // of the content
  detail::unique_fd file_;    // that is being filled
  detail::file_facts facts_;  // of that
  std::uint64_t left_ = 0;    // to be written to it
  std::string buffer_;
  unpack_state state_ = unpack_state::entries;
  int error_ = 0;
  std::string failure_;
};

}  // namespace execo::agent
