#include "execo/run_directory.hpp"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <system_error>

#include "execo/printable.hpp"

namespace execo {
namespace {

// More runs within one second are not believed in.
constexpr int max_runs_of_a_second = 100'000;

[[noreturn]] void fail_for(const std::filesystem::path& path, int error, const char* why) {
  throw std::system_error(error, std::system_category(),
                          "run_directory " + printable(path.string()) + ": " + why);
}

void check_run_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.find('/') != name.npos ||
      name.find('\0') != name.npos)
    throw std::invalid_argument("run_directory: '" + printable(name) +
                                "' is no name of a run: it may not be empty, begin with '.' or "
                                "have a '/' or a NUL byte");
}

std::string stamp_of_now() {
  const std::time_t now = ::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "_%Y%m%d_%H%M%S_%z", &parts)};
}

// The kernel says whose it is.
std::filesystem::path make_new(const std::filesystem::path& wanted) {
  for (int number = 1; number <= max_runs_of_a_second; ++number) {
    std::filesystem::path path = wanted;
    if (number > 1) path += "_" + std::to_string(number);
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) fail_for(path, errno, "cannot be made");
  }
  fail_for(wanted, EEXIST, "has too many others beside it");
}

// A file of the user's own is not replaced.
void check_link(const std::filesystem::path& link) {
  struct stat about {};
  if (::lstat(link.c_str(), &about) == 0 && !S_ISLNK(about.st_mode))
    fail_for(link, EEXIST, "is in the place of the link to the latest run; rename it");
}

// In one step: who follows it finds the run before, or this one.
void point_to(const std::filesystem::path& made, const std::filesystem::path& link) {
  std::filesystem::path fresh = link.parent_path() / ("." + made.filename().string() + ".link");
  if (::symlink(made.filename().c_str(), fresh.c_str()) != 0)
    fail_for(fresh, errno, "the link cannot be made");
  if (::rename(fresh.c_str(), link.c_str()) == 0) return;
  const int error = errno;
  (void)::unlink(fresh.c_str());
  fail_for(link, error, "the link cannot be replaced");
}

}  // namespace

run_directory::run_directory(std::string_view name, const std::filesystem::path& parent) {
  check_run_name(name);
  std::error_code problem;
  const std::filesystem::path folder = std::filesystem::absolute(parent).lexically_normal();
  std::filesystem::create_directories(folder, problem);
  if (problem) fail_for(folder, problem.value(), "cannot be made");
  const std::filesystem::path link = folder / "last";
  check_link(link);
  path_ = make_new(folder / (std::string(name) + stamp_of_now()));
  point_to(path_, link);
}

}  // namespace execo
