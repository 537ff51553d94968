#include "transfer/source_tree.hpp"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/fd.hpp"
#include "transfer/folder_names.hpp"

namespace execo::detail {
namespace {

bool has_pattern(const std::string& path) { return path.find_first_of("*?[") != path.npos; }

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string last_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// What "." and ".." are called.
std::string name_of(const std::string& path) {
  std::string name = last_name(path);
  if (name != "." && name != ".." && !name.empty()) return name;
  std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  return real ? last_name(real.get()) : name;
}

class tree_reader {
 public:
  explicit tree_reader(source_tree& into) : into_(into) {}

  copy_failure add_given(const std::string& given) {
    std::string path = without_slashes(given);
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0) return add_top(path, about);
    int error = errno;
    if (error != ENOENT || !has_pattern(path))
      return copy_failure::of_errno(error, shown_path(path));
    return add_matches(path);
  }

 private:
  copy_failure add_matches(const std::string& pattern) {
    glob_t found{};
    std::unique_ptr<glob_t, decltype(&::globfree)> owner(&found, &::globfree);
    int result = ::glob(pattern.c_str(), 0, nullptr, &found);
    if (result == GLOB_NOSPACE) return copy_failure::of_errno(ENOMEM, shown_path(pattern));
    if (result != 0)
      return copy_failure::of_errno(ENOENT, "no file matches " + shown_path(pattern));
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::string path = found.gl_pathv[i];
      struct stat about {};
      if (::stat(path.c_str(), &about) != 0) return copy_failure::of_errno(errno, shown_path(path));
      if (copy_failure failed = add_top(path, about)) return failed;
    }
    return {};
  }

  copy_failure add_top(const std::string& path, const struct stat& about) {
    std::string name = name_of(path);
    if (name.empty())
      return copy_failure::of_errno(EINVAL,
                                    shown_path(path) + ": it has no name to be copied under");
    if (std::ranges::find(into_.tops, name) != into_.tops.end())
      return copy_failure::of_errno(EEXIST, "two of the sources are called " + shown_path(name));
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
      return copy_failure::of_errno(EINVAL, shown_path(path) + ": neither a file nor a directory");
    into_.tops.push_back(name);
    return add(path, std::move(name), about);
  }

  copy_failure add(const std::string& path, std::string name, const struct stat& about) {
    source_entry entry;
    entry.path = path;
    entry.name = std::move(name);
    entry.mode = about.st_mode & 07777;
    entry.modified = about.st_mtim.tv_sec;
    entry.user = about.st_uid;
    entry.group = about.st_gid;
    if (S_ISREG(about.st_mode)) return add_file(std::move(entry), about);
    if (S_ISLNK(about.st_mode)) return add_link(std::move(entry));
    if (S_ISDIR(about.st_mode)) return add_directory(std::move(entry));
    into_.skipped.push_back(path);
    return {};
  }

  copy_failure add_file(source_entry entry, const struct stat& about) {
    entry.size = static_cast<std::uint64_t>(about.st_size);
    entry.stamp = file_stamp::of(about);
    into_.bytes += entry.size;
    ++into_.files;
    into_.entries.push_back(std::move(entry));
    return {};
  }

  copy_failure add_link(source_entry entry) {
    char target[PATH_MAX];
    ssize_t size = ::readlink(entry.path.c_str(), target, sizeof target);
    if (size < 0) return copy_failure::of_errno(errno, shown_path(entry.path));
    entry.what = source_entry::kind::link;
    entry.target.assign(target, static_cast<std::size_t>(size));
    into_.entries.push_back(std::move(entry));
    return {};
  }

  copy_failure add_directory(source_entry entry) {
    std::string path = entry.path;
    std::string name = entry.name;
    entry.what = source_entry::kind::directory;
    into_.entries.push_back(std::move(entry));
    std::vector<std::string> names;
    if (copy_failure failed = list(path, names)) return failed;
    for (const std::string& one : names) {
      std::string inner = path + (path.ends_with('/') ? "" : "/") + one;
      struct stat about {};
      if (::lstat(inner.c_str(), &about) != 0) {
        if (errno == ENOENT) continue;  // removed since it was listed
        return copy_failure::of_errno(errno, shown_path(inner));
      }
      if (copy_failure failed = add(inner, name + "/" + one, about)) return failed;
    }
    return {};
  }

  static copy_failure list(const std::string& path, std::vector<std::string>& names) {
    unique_fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int error = folder ? names_in_folder(folder.get(), names) : errno;
    return error == 0 ? copy_failure() : copy_failure::of_errno(error, shown_path(path));
  }

  source_tree& into_;
};

}  // namespace

copy_failure read_source_tree(std::span<const std::string> paths, const std::string& directory,
                              source_tree& found) {
  tree_reader reader(found);
  for (const std::string& path : paths) {
    bool is_relative = !path.starts_with('/') && !directory.empty();
    if (copy_failure failed = reader.add_given(is_relative ? directory + "/" + path : path))
      return failed;
  }
  return {};
}

}  // namespace execo::detail
