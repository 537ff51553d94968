// Files that a host sends, on their way to where they belong here: everything is written into a
// directory of its own beside the destination, and renamed at the end. Names that a host chose stay
// inside: none leads out of that directory, and no link is followed on the way to a file.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "transfer/copy_failure.hpp"
#include "transfer/received_room.hpp"
#include "transfer/tar_reader.hpp"

namespace execo::detail {

/// Where the files of one host go.
class received_place {
 public:
  std::string path;
  /// They go into `path`, which is made if it is not there. Else that is the new name of what
  /// comes, if it is no directory.
  bool is_directory = true;
};

class received_files final : public tar_receiver {
 public:
  received_files(received_place where, bool preserves, bool syncs = false,
                 std::shared_ptr<received_limits> limits = nullptr) noexcept
      : where_(std::move(where)), room_(std::move(limits)), preserves_(preserves), syncs_(syncs) {}
  received_files(const received_files&) = delete;
  received_files& operator=(const received_files&) = delete;
  ~received_files() { abandon(); }

  /// Makes what is missing of the way to the destination. Once.
  copy_failure find_base();
  /// A directory for what comes; before that, find_base(), where that is not done.
  copy_failure open();
  /// As open(), but what comes is found again after keep().
  copy_failure open_kept();
  /// As on_entry() for a file, but goes on with what is kept of one of that name, size and time;
  /// `have` bytes are. Pre: open_kept().
  copy_failure on_kept_entry(const tar_entry& entry, std::uint64_t& have);
  /// The file that is being written, once more.
  unique_fd written() const;
  /// The same, for nothing but to read it.
  unique_fd readable() const;
  /// From another file here, into the one that is being written; `count`: in, how many bytes, out,
  /// how many of them that file has.
  copy_failure copy_contents(int from, std::uint64_t offset, std::uint64_t& count);
  copy_failure on_entry(const tar_entry& entry) override;
  copy_failure on_contents(std::span<const char> bytes) override;
  copy_failure on_contents_end() override;
  /// Gives everything its name. A directory that is there stays, and gets what came besides.
  copy_failure publish();
  /// Removes what has no name yet.
  void abandon() noexcept;
  /// Leaves what has come for a later copy; without open_kept(), abandon().
  void keep() noexcept;

  /// The file here that has the name that `entry` is to get, if it is one and no link, and has its
  /// size. Pre: find_base().
  unique_fd same_size(const tar_entry& entry, struct stat& about) const;
  /// It stays as it is here.
  void leave(const tar_entry& entry) { note_top(entry.name); }

  bool is_open() const noexcept { return !temporary_.empty(); }
  std::uint64_t files() const noexcept { return files_; }
  /// The path here of what has that name, for messages.
  std::string shown(const std::string& name) const;

 private:
  copy_failure take_room(const tar_entry& entry);
  copy_failure find_folder(const std::string& name, unique_fd& folder, std::string& last) const;
  copy_failure open_store();
  std::string part_name(const tar_entry& entry) const;
  copy_failure name_part();
  copy_failure read_and_write(int from, std::uint64_t offset, std::uint64_t& count);
  bool new_name_of(const std::string& name, std::vector<std::string>& parts) const;
  copy_failure to_disk(int fd, const std::string& name) const;
  copy_failure add_directory(int folder, const std::string& last, const tar_entry& entry);
  copy_failure add_file(int folder, const std::string& last, const tar_entry& entry);
  copy_failure add_hard_link(int folder, const std::string& last, const tar_entry& entry);
  copy_failure set_directory_attributes();
  copy_failure publish_all(int from, int to, const std::string& where);
  copy_failure publish_one(int from, const std::string& name, int to, const std::string& new_name,
                           const std::string& where);
  mode_t mode_for(unsigned sent) const noexcept;
  void note_top(const std::string& name);

  received_place where_;
  received_room room_;
  bool preserves_;
  bool syncs_;
  bool can_keep_ = false;
  std::string base_;       // the directory of the destination
  std::string temporary_;  // empty: there is none
  unique_fd base_fd_;
  unique_fd temporary_fd_;
  unique_fd store_fd_;  // of parts that are kept, and the temporary directory: see open_kept()
  std::string part_;    // the one that is being written; empty: none is
  unique_fd file_;
  tar_entry writing_;
  std::vector<tar_entry> directories_;  // get their modes at the end
  std::vector<std::string> tops_;
  std::uint64_t files_ = 0;
  mode_t mask_ = 0;
};

}  // namespace execo::detail
