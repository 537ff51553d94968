#include "process/surroundings.hpp"

#include <string.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/shared_copy.hpp"
#include "io/umask.hpp"

extern char** environ;

namespace execo::detail {
namespace {

char** own_variables() noexcept {
  static char* none = nullptr;
  return environ != nullptr ? environ : &none;
}

// The system call that reads the mask changes it, for every thread: only where there is no other.
std::optional<mode_t> mask_of_one_thread() noexcept {
  mode_t mask = ::umask(077);
  (void)::umask(mask);
  return mask;
}

}  // namespace

environment_copy::environment_copy() {
  char** own = own_variables();
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (; own[count] != nullptr; ++count) bytes += ::strlen(own[count]) + 1;
  bytes_ = std::make_unique_for_overwrite<char[]>(bytes);
  pointers_.reserve(count + 1);
  char* next = bytes_.get();
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t size = ::strlen(own[i]) + 1;
    ::memcpy(next, own[i], size);
    pointers_.push_back(next);
    next += size;
  }
  pointers_.push_back(nullptr);
}

bool environment_copy::is_current() const noexcept {
  char** own = own_variables();
  for (char* mine : pointers_) {
    const char* other = *own++;
    if (mine == nullptr || other == nullptr) return mine == other;
    if (::strcmp(mine, other) != 0) return false;
  }
  return false;
}

namespace {

std::shared_ptr<const environment_copy> environment_now() {
  static thread_local std::weak_ptr<const environment_copy> last_environment;
  return shared_copy(last_environment);
}

}  // namespace

std::shared_ptr<const surroundings> surroundings::variables_now() {
  auto made = std::make_shared<surroundings>();
  made->environment_ = environment_now();
  made->directory_ = std::make_shared<const directory_copy>(nullptr);
  return made;
}

std::shared_ptr<const surroundings> surroundings::now(caller then) {
  auto made = std::make_shared<surroundings>();
  made->environment_ = environment_now();
  made->directory_ = directory_copy::now();
  made->umask_ = umask_now(then);
  return made;
}

std::optional<mode_t> surroundings::umask_now(caller then) noexcept {
  if (__libc_single_threaded != 0) return mask_of_one_thread();
  return then == caller::goes_on ? listed_umask() : std::nullopt;
}

std::shared_ptr<const surroundings> surroundings::none() {
  auto made = std::make_shared<surroundings>();
  made->environment_ = std::make_shared<const environment_copy>(nullptr);
  made->directory_ = std::make_shared<const directory_copy>(nullptr);
  return made;
}

const char* surroundings::find(std::string_view name) const noexcept {
  for (char* const* variable = variables(); *variable != nullptr; ++variable) {
    std::string_view text = *variable;
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=')
      return *variable + name.size() + 1;
  }
  return nullptr;
}

}  // namespace execo::detail
