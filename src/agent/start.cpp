#include "agent/start.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/fd.hpp"

namespace execo::agent {
namespace {

constexpr std::string_view agent_name = "execo-agent";
constexpr std::string_view folder_mark = "execo-";

bool parse_nonce(std::string_view text, detail::bytes16& nonce) {
  if (text.size() != 2 * nonce.size()) return false;
  for (std::size_t i = 0; i < nonce.size(); ++i) {
    const char* digits = text.data() + 2 * i;
    unsigned value = 0;
    std::from_chars_result read = std::from_chars(digits, digits + 2, value, 16);
    if (read.ec != std::errc() || read.ptr != digits + 2) return false;
    nonce[i] = static_cast<char>(value);
  }
  return true;
}

// A mistake of a caller must not remove a folder of the user's.
bool is_ours(std::string_view folder, int opened) {
  std::string_view name = folder.substr(folder.rfind('/') + 1);
  if (name.starts_with('.')) name.remove_prefix(1);
  struct stat about {};
  return name.starts_with(folder_mark) && ::fstat(opened, &about) == 0 &&
         about.st_uid == ::geteuid();
}

void unlink_all(int folder) {
  DIR* list = ::fdopendir(folder);
  if (list == nullptr) return;
  while (const dirent* entry = ::readdir(list)) (void)::unlinkat(::dirfd(list), entry->d_name, 0);
  (void)::closedir(list);
}

}  // namespace

std::optional<agent_arguments> take_arguments(int count, char** words) {
  agent_arguments read;
  if (count > 2) return std::nullopt;
  if (char* nonce = std::getenv(nonce_variable)) {
    if (!parse_nonce(nonce, read.nonce)) return std::nullopt;
    std::memset(nonce, 0, std::strlen(nonce));  // unsetenv leaves it where /proc shows it
    (void)::unsetenv(nonce_variable);
  }
  if (count > 1) read.folder = words[1];
  return read;
}

void remove_folder(const std::string& folder) {
  if (folder.empty()) return;
  detail::unique_fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened || !is_ours(folder, opened.get())) return;
  unlink_all(opened.release());
  (void)::rmdir(folder.c_str());
}

void wait_local_delay() noexcept {
  const char* told = std::getenv("EXECO_LOCAL_DELAY");
  unsigned delay = 0;
  if (told == nullptr) return;
  (void)std::from_chars(told, told + std::strlen(told), delay, 10);
  (void)::poll(nullptr, 0, static_cast<int>(std::min(delay, 60'000U)));
}

void give_up(const char* what) noexcept {
  std::string text = std::string(agent_name) + ": " + what + "\n";
  (void)!::write(2, text.data(), text.size());
  ::_exit(1);
}

void hide(int count, char** words) {
  (void)::syscall(SYS_close_range, 3U, ~0U, 0U);
  (void)::prctl(PR_SET_NAME, agent_name.data());
  (void)::prctl(PR_SET_DUMPABLE, 0);
  if (count < 1) return;
  // The words of a program lie one behind another.
  auto room = static_cast<std::size_t>(words[count - 1] + std::strlen(words[count - 1]) - words[0]);
  std::memset(words[0], 0, room);
  std::memcpy(words[0], agent_name.data(), std::min(room, agent_name.size()));
}

}  // namespace execo::agent
