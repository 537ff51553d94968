#include "transfer/received_files.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <utility>

#include "io/umask.hpp"
#include "transfer/folder_names.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {
namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Its parts, without "." and empty ones. False: it leads out of where it begins.
bool split(const std::string& name, std::vector<std::string>& parts) {
  if (name.starts_with('/') || name.find('\0') != name.npos) return false;
  std::size_t at = 0;
  while (at <= name.size()) {
    std::size_t end = std::min(name.find('/', at), name.size());
    std::string part = name.substr(at, end - at);
    at = end + 1;
    if (part == "..") return false;
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  return true;
}

copy_failure unsafe(const std::string& name) {
  return copy_failure(std::make_error_code(std::errc::bad_message),
                      "the host sent a name that leads elsewhere: " + shown_path(name));
}

timespec at_seconds(std::int64_t seconds) noexcept {
  timespec t{};
  t.tv_sec = static_cast<time_t>(seconds);
  return t;
}

}  // namespace

std::string received_files::shown(const std::string& name) const {
  return shown_path(base_ + (base_.ends_with('/') ? "" : "/") + name);
}

// Nothing else may be in there; another mask would keep others from what is meant for them.
mode_t received_files::mode_for(unsigned sent) const noexcept {
  return static_cast<mode_t>(sent) & 0777 & (preserves_ ? 0777 : ~mask_);
}

copy_failure received_files::find_base() {
  assert(!base_fd_);
  mask_ = listed_umask().value_or(022);
  std::error_code error;
  if (!where_.is_directory) where_.is_directory = std::filesystem::is_directory(where_.path, error);
  std::filesystem::path whole(where_.path);
  base_ = where_.is_directory ? where_.path : whole.parent_path().string();
  if (base_.empty()) base_ = ".";
  error.clear();
  std::filesystem::create_directories(base_, error);
  if (error) return copy_failure(error, "mkdir " + shown_path(base_));
  base_fd_.reset(::open(base_.c_str(), folder_flags));
  if (!base_fd_) return copy_failure::of_errno(errno, shown_path(base_));
  return {};
}

copy_failure received_files::open() {
  assert(temporary_.empty());
  if (!base_fd_)
    if (copy_failure failed = find_base()) return failed;
  std::string name = base_ + "/.execo-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    return copy_failure::of_errno(errno, "mkdir " + shown_path(name));
  temporary_ = std::move(name);
  temporary_fd_.reset(::open(temporary_.c_str(), folder_flags | O_NOFOLLOW));
  if (!temporary_fd_) return copy_failure::of_errno(errno, shown_path(temporary_));
  return {};
}

// A directory whose name is found again. In it are the parts of files, and `tree`, where those that
// are whole get a second name. Nobody else could write into it, and no other copy does now.
copy_failure received_files::open_store() {
  sha256 sum;
  sum.update(std::span<const char>(where_.path));
  std::string last = ".execo-" + sum.hex();
  if (::mkdirat(base_fd_.get(), last.c_str(), 0700) != 0 && errno != EEXIST)
    return copy_failure::of_errno(errno, "mkdir " + shown(last));
  unique_fd folder(::openat(base_fd_.get(), last.c_str(), folder_flags | O_NOFOLLOW));
  struct stat opened {};
  struct stat named {};
  bool is_ours = folder && ::fstat(folder.get(), &opened) == 0 && opened.st_uid == ::geteuid() &&
                 (opened.st_mode & 077) == 0 && ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0 &&
                 ::fstatat(base_fd_.get(), last.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                 named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
  can_keep_ = is_ours;
  if (!is_ours) return {};
  temporary_ = base_ + "/" + last;
  store_fd_ = std::move(folder);
  return {};
}

copy_failure received_files::open_kept() {
  assert(temporary_.empty());
  if (!base_fd_)
    if (copy_failure failed = find_base()) return failed;
  if (copy_failure failed = open_store()) return failed;
  if (!store_fd_) {
    if (copy_failure failed = open()) return failed;
    store_fd_.reset(::fcntl(temporary_fd_.get(), F_DUPFD_CLOEXEC, 3));
  }
  std::error_code none;
  std::filesystem::remove_all(temporary_ + "/tree", none);
  bool is_made = ::mkdirat(store_fd_.get(), "tree", 0700) == 0;
  temporary_fd_.reset(::openat(store_fd_.get(), "tree", folder_flags | O_NOFOLLOW));
  if (!is_made || !temporary_fd_) return copy_failure::of_errno(errno, shown_path(temporary_));
  return {};
}

std::string received_files::part_name(const tar_entry& entry) const {
  std::string text =
      entry.name + '\0' + std::to_string(entry.size) + '\0' + std::to_string(entry.modified);
  sha256 sum;
  sum.update(std::span<const char>(text));
  return "part-" + sum.hex();
}

// No file has more bytes than its entry says: what is too much is known before it comes.
copy_failure received_files::take_room(const tar_entry& entry) {
  const bool has_bytes = entry.what == tar_entry::kind::file;
  copy_failure failed = room_.take(received_room::of_a_name);
  if (!failed && has_bytes) failed = room_.take(entry.size);
  if (failed) failed.context = shown(entry.name) + ": " + failed.context;
  return failed;
}

copy_failure received_files::on_kept_entry(const tar_entry& entry, std::uint64_t& have) {
  if (copy_failure failed = take_room(entry)) return failed;
  unique_fd folder;
  std::string last;
  if (copy_failure failed = find_folder(entry.name, folder, last)) return failed;
  if (last.empty()) return unsafe(entry.name);
  part_ = part_name(entry);
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  (void)::fchmodat(store_fd_.get(), part_.c_str(), 0600, 0);  // a whole one may be read-only
  file_.reset(::openat(store_fd_.get(), part_.c_str(), flags, 0600));
  struct stat about {};
  if (!file_ || ::fstat(file_.get(), &about) != 0)
    return copy_failure::of_errno(errno, shown(entry.name));
  have = static_cast<std::uint64_t>(about.st_size);
  if (have > entry.size) have = 0;
  auto end = static_cast<off_t>(have);
  if (::ftruncate(file_.get(), end) != 0 || ::lseek(file_.get(), end, SEEK_SET) < 0)
    return copy_failure::of_errno(errno, shown(entry.name));
  note_top(entry.name);
  writing_ = entry;
  return {};
}

// A whole part stays where a later copy finds it.
copy_failure received_files::name_part() {
  if (part_.empty()) return {};
  unique_fd folder;
  std::string last;
  if (copy_failure failed = find_folder(writing_.name, folder, last)) return failed;
  std::string part = std::exchange(part_, std::string());
  if (::linkat(store_fd_.get(), part.c_str(), folder.get(), last.c_str(), 0) == 0) return {};
  bool has_no_links = errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK;
  if (!has_no_links || ::renameat(store_fd_.get(), part.c_str(), folder.get(), last.c_str()) != 0)
    return copy_failure::of_errno(errno, shown(writing_.name));
  return {};
}

unique_fd received_files::written() const {
  return unique_fd(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 3));
}

unique_fd received_files::readable() const {
  unique_fd folder;
  std::string last;
  if (find_folder(writing_.name, folder, last)) return {};
  return unique_fd(
      ::openat(folder.get(), last.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

// The kernel copies, or lets both files have the same blocks, where the file system can.
copy_failure received_files::copy_contents(int from, std::uint64_t offset, std::uint64_t& count) {
  std::uint64_t done = 0;
  while (done < count) {
    auto at = static_cast<off_t>(offset + done);
    const ssize_t got = ::copy_file_range(from, &at, file_.get(), nullptr, count - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && done == 0 && errno != ENOSPC && errno != EDQUOT && errno != EIO)
      return read_and_write(from, offset, count);
    if (got < 0) return copy_failure::of_errno(errno, "write " + shown(writing_.name));
    if (got == 0) break;
    done += static_cast<std::uint64_t>(got);
  }
  if (done == 0 && count > 0) return read_and_write(from, offset, count);
  count = done;
  return {};
}

copy_failure received_files::read_and_write(int from, std::uint64_t offset, std::uint64_t& count) {
  constexpr std::uint64_t at_once = std::uint64_t{256} * 1024;
  std::vector<char> buffer(static_cast<std::size_t>(std::min(count, at_once)));
  std::uint64_t done = 0;
  while (done < count) {
    const std::size_t most =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), count - done));
    const ssize_t got = ::pread(from, buffer.data(), most, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return copy_failure::of_errno(errno, "read what goes to " + shown(writing_.name));
    if (got == 0) break;
    const auto some = static_cast<std::size_t>(got);
    if (copy_failure failed = on_contents(std::span<const char>(buffer.data(), some)))
      return failed;
    done += some;
  }
  count = done;
  return {};
}

// What it is called below the base. False: it leads elsewhere.
bool received_files::new_name_of(const std::string& name, std::vector<std::string>& parts) const {
  if (!split(name, parts) || parts.empty()) return false;
  if (!where_.is_directory) parts.front() = std::filesystem::path(where_.path).filename().string();
  return true;
}

unique_fd received_files::same_size(const tar_entry& entry, struct stat& about) const {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  std::vector<std::string> parts;
  if (!new_name_of(entry.name, parts)) return {};
  unique_fd file(::openat(base_fd_.get(), ".", folder_flags));
  for (std::size_t i = 0; file && i < parts.size(); ++i) {
    bool is_last = i + 1 == parts.size();
    file.reset(::openat(file.get(), parts[i].c_str(), is_last ? flags : folder_flags | O_NOFOLLOW));
  }
  bool is_same = file && ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode) &&
                 static_cast<std::uint64_t>(about.st_size) == entry.size;
  if (!is_same) file.reset();
  return file;
}

// The directory that a name is in, which came before it.
copy_failure received_files::find_folder(const std::string& name, unique_fd& folder,
                                         std::string& last) const {
  std::vector<std::string> parts;
  if (!split(name, parts)) return unsafe(name);
  if (parts.empty()) return {};
  last = std::move(parts.back());
  parts.pop_back();
  folder.reset(::openat(temporary_fd_.get(), ".", folder_flags));
  for (const std::string& part : parts) {
    if (!folder) break;
    int next = ::openat(folder.get(), part.c_str(), folder_flags | O_NOFOLLOW);
    if (next < 0 && errno == ENOENT && ::mkdirat(folder.get(), part.c_str(), 0700) == 0)
      next = ::openat(folder.get(), part.c_str(), folder_flags | O_NOFOLLOW);
    int error = errno;
    folder.reset(next);
    errno = error;
  }
  if (!folder) return copy_failure::of_errno(errno, shown(name));
  return {};
}

void received_files::note_top(const std::string& name) {
  std::vector<std::string> parts;
  (void)split(name, parts);
  if (parts.empty()) return;
  if (std::ranges::find(tops_, parts.front()) == tops_.end()) tops_.push_back(parts.front());
}

copy_failure received_files::on_entry(const tar_entry& entry) {
  if (copy_failure failed = take_room(entry)) return failed;
  unique_fd folder;
  std::string last;
  if (copy_failure failed = find_folder(entry.name, folder, last)) return failed;
  if (last.empty()) {
    bool is_whole = entry.what == tar_entry::kind::directory;  // "./"
    return is_whole ? copy_failure() : unsafe(entry.name);
  }
  note_top(entry.name);
  int error = 0;
  switch (entry.what) {
    case tar_entry::kind::directory:
      return add_directory(folder.get(), last, entry);
    case tar_entry::kind::file:
      return add_file(folder.get(), last, entry);
    case tar_entry::kind::hard_link:
      return add_hard_link(folder.get(), last, entry);
    case tar_entry::kind::link:
      if (::symlinkat(entry.target.c_str(), folder.get(), last.c_str()) != 0) error = errno;
      break;
  }
  return error == 0 ? copy_failure() : copy_failure::of_errno(error, shown(entry.name));
}

copy_failure received_files::add_directory(int folder, const std::string& last,
                                           const tar_entry& entry) {
  // Something may have come in it before.
  if (::mkdirat(folder, last.c_str(), 0700) != 0 && errno != EEXIST)
    return copy_failure::of_errno(errno, shown(entry.name));
  directories_.push_back(entry);
  return {};
}

copy_failure received_files::add_file(int folder, const std::string& last, const tar_entry& entry) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  file_.reset(::openat(folder, last.c_str(), flags, 0600));
  if (!file_) return copy_failure::of_errno(errno, shown(entry.name));
  writing_ = entry;
  return {};
}

copy_failure received_files::add_hard_link(int folder, const std::string& last,
                                           const tar_entry& entry) {
  unique_fd other_folder;
  std::string other;
  if (copy_failure failed = find_folder(entry.target, other_folder, other)) return failed;
  if (other.empty()) return unsafe(entry.target);
  if (::linkat(other_folder.get(), other.c_str(), folder, last.c_str(), 0) != 0)
    return copy_failure::of_errno(errno, shown(entry.name));
  ++files_;
  return {};
}

copy_failure received_files::on_contents(std::span<const char> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return copy_failure::of_errno(errno, "write " + shown(writing_.name));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

copy_failure received_files::on_contents_end() {
  int fd = file_.get();
  bool is_set = ::fchmod(fd, mode_for(writing_.mode)) == 0;
  if (is_set && preserves_) {
    timespec times[] = {at_seconds(writing_.modified), at_seconds(writing_.modified)};
    is_set = ::futimens(fd, times) == 0;
  }
  if (!is_set) return copy_failure::of_errno(errno, shown(writing_.name));
  if (copy_failure failed = to_disk(fd, writing_.name)) return failed;
  // What the disk has no room for may be known only now.
  if (::close(file_.release()) != 0)
    return copy_failure::of_errno(errno, "close " + shown(writing_.name));
  ++files_;
  return name_part();
}

copy_failure received_files::to_disk(int fd, const std::string& name) const {
  if (!syncs_ || ::fsync(fd) == 0) return {};
  return copy_failure::of_errno(errno, "fsync " + shown(name));
}

// From the innermost one out: what is written into a directory changes its time.
copy_failure received_files::set_directory_attributes() {
  for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry) {
    unique_fd folder;
    std::string last;
    if (copy_failure failed = find_folder(entry->name, folder, last)) return failed;
    unique_fd made(::openat(folder.get(), last.c_str(), folder_flags | O_NOFOLLOW));
    bool is_set = made && ::fchmod(made.get(), mode_for(entry->mode) | 0700) == 0;
    if (is_set && preserves_) {
      timespec times[] = {at_seconds(entry->modified), at_seconds(entry->modified)};
      is_set = ::futimens(made.get(), times) == 0;
    }
    if (!is_set) return copy_failure::of_errno(errno, shown(entry->name));
    if (copy_failure failed = to_disk(made.get(), entry->name)) return failed;
  }
  return {};
}

copy_failure received_files::publish() {
  if (copy_failure failed = set_directory_attributes()) return failed;
  copy_failure failed;
  if (where_.is_directory) {
    failed = publish_all(temporary_fd_.get(), base_fd_.get(), "");
  } else if (tops_.size() == 1) {
    std::string name = std::filesystem::path(where_.path).filename().string();
    failed = publish_one(temporary_fd_.get(), tops_.front(), base_fd_.get(), name, "");
    if (!failed) failed = to_disk(base_fd_.get(), "");
  } else {
    failed = copy_failure::of_errno(ENOTDIR, shown_path(where_.path) +
                                                 ": several files need a directory, which ends "
                                                 "with '/'");
  }
  if (!failed) room_.keep();
  abandon();
  return failed;
}

copy_failure received_files::publish_all(int from, int to, const std::string& where) {
  std::vector<std::string> names;
  if (int error = names_in_folder(from, names); error != 0)
    return copy_failure::of_errno(error, shown(where));
  for (const std::string& name : names)
    if (copy_failure failed = publish_one(from, name, to, name, where)) return failed;
  return to_disk(to, where);
}

// A link that is there is no directory: what came with an earlier copy may lead anywhere.
copy_failure received_files::publish_one(int from, const std::string& name, int to,
                                         const std::string& new_name, const std::string& where) {
  std::string path = where.empty() ? new_name : where + "/" + new_name;
  struct stat ours {};
  struct stat there {};
  if (::fstatat(from, name.c_str(), &ours, AT_SYMLINK_NOFOLLOW) != 0)
    return copy_failure::of_errno(errno, shown(path));
  bool is_there = ::fstatat(to, new_name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
  if (is_there && S_ISDIR(ours.st_mode)) {
    if (!S_ISDIR(there.st_mode)) return copy_failure::of_errno(ENOTDIR, shown(path));
    unique_fd inner(::openat(from, name.c_str(), folder_flags | O_NOFOLLOW));
    unique_fd inner_there(::openat(to, new_name.c_str(), folder_flags | O_NOFOLLOW));
    if (!inner || !inner_there) return copy_failure::of_errno(errno, shown(path));
    return publish_all(inner.get(), inner_there.get(), path);
  }
  if (is_there && S_ISDIR(there.st_mode)) return copy_failure::of_errno(EISDIR, shown(path));
  if (::renameat(from, name.c_str(), to, new_name.c_str()) != 0)
    return copy_failure::of_errno(errno, shown(path));
  return {};
}

void received_files::abandon() noexcept {
  room_.give_back();
  file_.reset();
  if (!temporary_.empty()) {
    std::error_code none;
    std::filesystem::remove_all(temporary_, none);
    temporary_.clear();
  }
  temporary_fd_.reset();
  store_fd_.reset();  // and its lock
}

void received_files::keep() noexcept {
  if (can_keep_) temporary_.clear();
  abandon();
}

}  // namespace execo::detail
