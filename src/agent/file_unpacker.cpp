#include "agent/file_unpacker.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace execo::agent {
namespace {

using detail::file_entry;
using detail::file_flag;
using detail::unique_fd;

// Of one step, between which the agent hears its parent.
constexpr std::size_t bytes_a_step = 512 * 1024;
constexpr int entries_a_step = 64;

std::optional<struct stat> about(int folder, const std::string& name, int flags) {
  struct stat found {};
  if (::fstatat(folder, name.c_str(), &found, flags) != 0) return std::nullopt;
  return found;
}

bool is_folder(int folder, const std::string& name, int flags) {
  auto found = about(folder, name, flags);
  return found && S_ISDIR(found->st_mode);
}

unique_fd open_folder(int in, const std::string& name, int flags) {
  return unique_fd(::openat(in, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
}

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> names;
  DIR* open = ::fdopendir(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open == nullptr) return names;
  while (const dirent* one = ::readdir(open)) {
    std::string name = one->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  (void)::closedir(open);
  return names;
}

void remove_all(int in, const std::string& name) {
  if (is_folder(in, name, AT_SYMLINK_NOFOLLOW)) {
    if (unique_fd folder = open_folder(in, name, O_NOFOLLOW)) {
      (void)::fchmod(folder.get(), S_IRWXU);
      for (const std::string& one : names_in(folder.get())) remove_all(folder.get(), one);
    }
    (void)::unlinkat(in, name.c_str(), AT_REMOVEDIR);
  } else {
    (void)::unlinkat(in, name.c_str(), 0);
  }
}

}  // namespace

file_unpacker::file_unpacker(const file_writer& from, mode_t mask)
    : from_(from), order_(from.order()), mask_(mask) {}

bool file_unpacker::fail(int error, const std::string& path) {
  clear();
  state_ = unpack_state::failed;
  error_ = error;
  failure_ = path;
  return false;
}

bool file_unpacker::fail(const char* step, const std::string& path) {
  return fail(errno, std::string(step) + " " + path);
}

void file_unpacker::clear() noexcept {
  if (temporary_.empty()) return;
  const int error = errno;
  remove_all(from_.folder(), std::exchange(temporary_, {}));
  errno = error;
}

bool file_unpacker::step() {
  if (!folder_ && !begin()) return false;
  switch (state_) {
    case unpack_state::entries:
      for (int i = 0; i < entries_a_step && state_ == unpack_state::entries; ++i) {
        if (!make_one()) return false;
        if (left_ > 0) break;
      }
      return true;
    case unpack_state::settling:
      for (int i = 0; i < entries_a_step && state_ == unpack_state::settling; ++i)
        if (!settle_one()) return false;
      return true;
    case unpack_state::moving:
      if (move_all()) state_ = unpack_state::done;
      clear();
      return false;
    default:
      return false;
  }
}

bool file_unpacker::begin() {
  std::string name = random_file_name();
  if (::mkdirat(from_.folder(), name.c_str(), S_IRWXU) != 0) return fail("temporary", from_.base());
  temporary_ = std::move(name);
  folder_ = open_folder(from_.folder(), temporary_, O_NOFOLLOW);
  return folder_ || fail("temporary", from_.base());
}

// -- entries
// ---------------------------------------------------------------------------------------

bool file_unpacker::read_head(file_entry& into) {
  constexpr int input_error = EBADMSG;
  const std::uint64_t left = order_.size - at_;
  if (left < file_entry::length_size) return fail(input_error, from_.target());
  std::string_view bytes = from_.read(at_, file_entry::length_size, buffer_);
  if (bytes.empty()) return fail("read", from_.target());
  std::uint16_t size = 0;
  detail::wire_reader(bytes).u16(size);
  if (size == 0 || size > left - file_entry::length_size) return fail(input_error, from_.target());
  bytes = from_.read(at_ + file_entry::length_size, size, buffer_);
  std::optional<file_entry> entry = file_entry::decode(bytes);
  at_ += file_entry::length_size + size;
  if (!entry || entry->size > order_.size - at_) return fail(input_error, from_.target());
  into = std::move(*entry);
  return true;
}

bool file_unpacker::make_one() {
  if (left_ > 0) return copy_some();
  if (at_ == order_.size) {
    state_ = unpack_state::settling;
    at_ = 0;
    return true;
  }
  file_entry entry;
  return read_head(entry) && make(entry);
}

unique_fd file_unpacker::folder_of(std::string_view& path) const {
  unique_fd folder = open_folder(folder_.get(), ".", 0);
  for (std::size_t end = path.find('/'); folder && end != std::string_view::npos;
       end = path.find('/')) {
    folder = open_folder(folder.get(), std::string(path.substr(0, end)), O_NOFOLLOW);
    path.remove_prefix(end + 1);
  }
  return folder;
}

bool file_unpacker::make(const file_entry& entry) {
  std::string_view path = entry.name;
  const unique_fd folder = folder_of(path);
  const std::string name(path);
  if (!folder) return fail("write", from_.target());
  switch (entry.what) {
    case file_entry::kind::directory:
      return ::mkdirat(folder.get(), name.c_str(), S_IRWXU) == 0 || fail("write", from_.target());
    case file_entry::kind::link:
      if (::symlinkat(entry.target.c_str(), folder.get(), name.c_str()) != 0)
        return fail("write", from_.target());
      if (order_.has(file_flag::preserve) && ::geteuid() == 0 &&
          ::fchownat(folder.get(), name.c_str(), entry.facts.user, entry.facts.group,
                     AT_SYMLINK_NOFOLLOW) != 0)
        return fail("owner", from_.target());
      return true;
    case file_entry::kind::file:
      break;
  }
  file_.reset(::openat(folder.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file_) return fail("write", from_.target());
  facts_ = entry.facts;
  left_ = entry.size;
  return left_ > 0 || settle(file_.get(), facts_);
}

bool file_unpacker::copy_some() {
  const std::string_view bytes =
      from_.read(at_, std::min<std::uint64_t>(left_, bytes_a_step), buffer_);
  if (bytes.empty()) return fail("read", from_.target());
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t put = ::write(file_.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail("write", from_.target());
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  at_ += bytes.size();
  left_ -= bytes.size();
  return left_ > 0 || settle(file_.get(), facts_);
}

bool file_unpacker::settle(int file, const detail::file_facts& facts) {
  const char* step = settle_file(file, facts, order_.has(file_flag::preserve), mask_);
  if (step != nullptr) return fail(step, from_.target());
  return !order_.has(file_flag::sync) || ::fsync(file) == 0 || fail("sync", from_.target());
}

// A directory is as it is to be when all is in it.
bool file_unpacker::settle_one() {
  if (at_ == order_.size) {
    state_ = unpack_state::moving;
    return true;
  }
  file_entry entry;
  if (!read_head(entry)) return false;
  at_ += entry.size;
  if (entry.what != file_entry::kind::directory) return true;
  std::string_view path = entry.name;
  const unique_fd folder = folder_of(path);
  const unique_fd one = open_folder(folder.get(), std::string(path), O_NOFOLLOW);
  if (!one) return fail("mode", from_.target());
  return settle(one.get(), entry.facts);
}

// -- names
// -----------------------------------------------------------------------------------------

bool file_unpacker::move_all() {
  const bool is_several = order_.has(file_flag::several);
  for (const std::string& name : names_in(folder_.get())) {
    const std::string& to = is_several ? name : from_.name();
    const std::string path = is_several ? from_.base() + "/" + name : from_.target();
    if (!move(folder_.get(), name, from_.folder(), to, path)) return false;
  }
  const unique_fd base = open_folder(from_.folder(), ".", 0);
  return !order_.has(file_flag::sync) || (base && ::fsync(base.get()) == 0) ||
         fail("sync", from_.target());
}

// A directory that is there stays, and gets what is new.
bool file_unpacker::move(int from, const std::string& name, int to, const std::string& new_name,
                         const std::string& path) {
  const bool is_there = about(to, new_name, AT_SYMLINK_NOFOLLOW).has_value();
  const bool is_folder_there = is_folder(to, new_name, 0);
  if (is_folder(from, name, AT_SYMLINK_NOFOLLOW)) {
    if (is_folder_there) return merge(from, name, to, new_name, path);
    if (is_there) return fail(ENOTDIR, path);
  } else if (is_folder_there) {
    return fail(EISDIR, path);
  }
  return ::renameat(from, name.c_str(), to, new_name.c_str()) == 0 || fail("move", path);
}

bool file_unpacker::merge(int from, const std::string& name, int to, const std::string& new_name,
                          const std::string& path) {
  const unique_fd source = open_folder(from, name, O_NOFOLLOW);
  const unique_fd target = open_folder(to, new_name, 0);
  if (!source || !target) return fail("move", path);
  for (const std::string& one : names_in(source.get()))
    if (!move(source.get(), one, target.get(), one, path + "/" + one)) return false;
  return true;
}

}  // namespace execo::agent
