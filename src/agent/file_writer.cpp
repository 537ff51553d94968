#include "agent/file_writer.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/hex.hpp"
#include "wire/blake2b.hpp"

namespace execo::agent {
namespace {

using detail::file_flag;

// So much is on its way to the disk at most when the last of it is waited for: a parent takes an
// agent that is silent for long for dead.
constexpr std::uint64_t unsynced_limit = std::uint64_t{8} * 1024 * 1024;
constexpr mode_t permission_bits = 07777;
constexpr mode_t usual_bits = 0777;

bool is_directory(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

std::string current_folder() {
  std::array<char, detail::file_path_limit> buffer{};
  return ::getcwd(buffer.data(), buffer.size()) != nullptr ? buffer.data() : ".";
}

std::string home_folder() {
  // own-copy: a static program, which cannot ask the database of users
  const char* found = ::getenv("HOME");
  return found != nullptr ? found : "";
}

// As the shell of the user reads it.
std::string absolute(const std::string& path) {
  if (path == "~") return home_folder();
  if (path.starts_with("~/")) return home_folder() + path.substr(1);
  return path.starts_with('/') ? path : current_folder() + "/" + path;
}

std::string own_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

std::string random_file_name() {
  detail::bytes16 random{};
  (void)!::getrandom(random.data(), random.size(), 0);
  return ".execo-" + detail::hex_of(random);
}

const char* settle_file(int file, const detail::file_facts& facts, bool preserves,
                        mode_t mask) noexcept {
  if (preserves && ::geteuid() == 0 && ::fchown(file, facts.user, facts.group) != 0) return "owner";
  const mode_t mode = preserves ? facts.mode & permission_bits : facts.mode & ~mask & usual_bits;
  if (::fchmod(file, mode) != 0) return "mode";
  if (!preserves) return nullptr;
  timespec time{};
  time.tv_sec = static_cast<time_t>(facts.modified);
  const std::array<timespec, 2> both{time, time};
  return ::futimens(file, both.data()) == 0 ? nullptr : "time";
}

file_writer::file_writer(detail::file_order_message order, mode_t mask)
    : order_(std::move(order)), mask_(mask) {}

bool file_writer::fail(int error, const std::string& path) {
  drop_kept();
  discard();
  error_ = error;
  failure_ = path;
  return false;
}

bool file_writer::fail(const char* step, const std::string& path) {
  return fail(errno, std::string(step) + " " + path);
}

// -- where it goes
// ---------------------------------------------------------------------------------

void file_writer::choose_target() {
  std::string to = absolute(order_.destination);
  bool is_folder = to.size() > 1 && to.ends_with('/');
  while (to.size() > 1 && to.ends_with('/')) to.pop_back();
  is_folder = is_folder || order_.has(file_flag::several) || is_directory(to);
  if (is_folder) {
    base_ = to;
    name_ = order_.name;
    target_ = to + "/" + name_;
  } else {
    const std::size_t slash = to.rfind('/');
    base_ = to.substr(0, std::max<std::size_t>(slash, 1));
    name_ = to.substr(slash + 1);
    target_ = to;
  }
}

bool file_writer::need_folder() {
  if (is_directory(base_)) return true;
  struct stat about {};
  if (::lstat(base_.c_str(), &about) == 0) return fail(ENOTDIR, base_);
  if (errno != ENOENT) return fail("look", base_);
  return order_.has(file_flag::make_directories) ? make_folders() : fail(ENOENT, base_);
}

bool file_writer::make_folders() {
  const mode_t own = ::umask(mask_);
  int error = 0;
  for (std::size_t end = base_.find('/', 1);; end = base_.find('/', end + 1)) {
    const std::string part = base_.substr(0, end);
    error = ::mkdir(part.c_str(), usual_bits) == 0 ? 0 : errno;
    if (end == std::string::npos) break;
  }
  (void)::umask(own);
  if (error == 0 || is_directory(base_)) return true;
  errno = error;
  return fail("mkdir", base_);
}

bool file_writer::may_replace_target() {
  if (order_.has(file_flag::several)) return true;
  const bool is_folder = is_directory(target_);
  if (order_.form == detail::file_form::file) return !is_folder || fail(EISDIR, target_);
  struct stat about {};
  return is_folder || ::lstat(target_.c_str(), &about) != 0 || fail(ENOTDIR, target_);
}

bool file_writer::open(detail::unique_fd offered) {
  assert(state_ == writer_state::idle);
  choose_target();
  if (!need_folder()) return false;
  if (!may_replace_target()) return false;
  folder_.reset(::open(base_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) return fail("look", base_);
  if (!open_same() && !open_kept() && !open_offered(std::move(offered)) && !open_temporary())
    return fail("temporary", base_);
  state_ = writer_state::writing;
  return true;
}

// It may have the digest of what is to come.
bool file_writer::open_same() {
  if (!order_.has(file_flag::skip_same) || order_.form != detail::file_form::file) return false;
  file_.reset(
      ::openat(folder_.get(), name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  is_target_ = file_ && ::fstat(file_.get(), &about) == 0 && S_ISREG(about.st_mode) &&
               static_cast<std::uint64_t>(about.st_size) == order_.size;
  if (is_target_) found_ = order_.size;
  return is_target_;
}

// Nobody else may have a hand in it: neither another user nor an agent that writes to it now.
bool file_writer::open_kept() {
  if (!order_.has(file_flag::resume)) return false;
  std::string name = ".execo-" + detail::hex_of(detail::blake2b128(target_));
  file_.reset(::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                       S_IRUSR | S_IWUSR));
  struct stat about {};
  keeps_ = file_ && ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 &&
           ::fstat(file_.get(), &about) == 0 && S_ISREG(about.st_mode) &&
           about.st_uid == ::geteuid() && about.st_nlink == 1;
  if (!keeps_) return false;
  temporary_ = std::move(name);
  find_parts(about);
  return true;
}

bool file_writer::open_offered(detail::unique_fd offered) {
  struct stat about {};
  if (!offered || ::fstat(offered.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
      about.st_uid != ::geteuid() || about.st_nlink != 0)
    return false;
  file_ = std::move(offered);
  find_parts(about);
  return true;
}

void file_writer::find_parts(const struct stat& about) noexcept {
  const std::uint64_t there =
      std::min<std::uint64_t>(static_cast<std::uint64_t>(about.st_size), order_.size);
  found_ = there - there % detail::file_part_limit;
}

bool file_writer::begin_anew() {
  assert(state_ == writer_state::writing);
  size_ = synced_ = 0;
  if (!std::exchange(is_target_, false))
    return ::ftruncate(file_.get(), 0) == 0 || fail("write", target_);
  const bool is_open = open_kept() || open_temporary();
  found_ = 0;
  return is_open || fail("temporary", base_);
}

// Without a name, where the file system can: then not even KILL leaves anything behind.
bool file_writer::open_temporary() {
  file_.reset(::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file_ && ::access(own_path(file_.get()).c_str(), F_OK) == 0) return true;
  std::string name = random_file_name();
  file_.reset(::openat(folder_.get(), name.c_str(),
                       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file_) return false;
  temporary_ = std::move(name);
  return true;
}

// -- what it is
// ------------------------------------------------------------------------------------

bool file_writer::write(std::string_view bytes) {
  assert(state_ == writer_state::writing);
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail("write", target_);
    size_ += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (!syncs() || size_ - synced_ < unsynced_limit) return true;
  synced_ = size_;
  return ::fdatasync(file_.get()) == 0 || fail("sync", target_);
}

std::string_view file_writer::read(std::uint64_t offset, std::size_t size,
                                   std::string& into) const {
  into.resize(size);
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got =
        ::pread(file_.get(), into.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    have += static_cast<std::size_t>(got);
  }
  return into;
}

// -- its end
// ---------------------------------------------------------------------------------------

bool file_writer::finish() {
  assert(state_ == writer_state::writing);
  if (is_target_) {
    state_ = writer_state::done;
    return true;
  }
  // What was there may have been longer.
  if ((keeps_ || found_ > 0) && ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0)
    return fail("write", target_);
  const char* step = settle_file(file_.get(), order_.facts, order_.has(file_flag::preserve), mask_);
  if (step != nullptr) return fail(step, target_);
  if (is_directory(target_)) return fail(EISDIR, target_);
  if (syncs() && ::fsync(file_.get()) != 0) return fail("sync", target_);
  if (!give_name()) return fail("move", target_);
  state_ = writer_state::done;
  const bool is_synced = !syncs() || sync_folder();
  folder_.reset();
  return is_synced || fail("sync", target_);
}

bool file_writer::give_name() {
  if (temporary_.empty()) {
    std::string name = random_file_name();
    if (::linkat(AT_FDCWD, own_path(file_.get()).c_str(), folder_.get(), name.c_str(),
                 AT_SYMLINK_FOLLOW) != 0)
      return false;
    temporary_ = std::move(name);
  }
  if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0)
    return false;
  temporary_.clear();
  return true;
}

bool file_writer::sync_folder() {
  const detail::unique_fd open_one(::open(base_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return open_one && ::fsync(open_one.get()) == 0;
}

// What was written can still be read.
void file_writer::discard() noexcept {
  const int error = errno;
  if (!temporary_.empty() && !keeps_) (void)::unlinkat(folder_.get(), temporary_.c_str(), 0);
  // Somebody else may go on with it.
  if (keeps_) (void)::flock(file_.get(), LOCK_UN);
  temporary_.clear();
  if (state_ != writer_state::done) state_ = writer_state::failed;
  errno = error;
}

}  // namespace execo::agent
