#include "execo/secret.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/secret_store.hpp"

namespace execo {

/// Memory of its own, so that it can be locked and left out of core dumps.
class secret::page {
 public:
  static constexpr std::size_t max_size = 4000;

  explicit page(std::string_view text)
      : size_(text.size()),
        bytes_(::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (bytes_ == MAP_FAILED) throw std::system_error(errno, std::system_category(), "mmap");
    // Each of them is a precaution that the system may not allow.
    (void)::mlock(bytes_, room);
    (void)::madvise(bytes_, room, MADV_DONTDUMP);
    // One byte at a time: a copy by vectors leaves the text in their registers, which the dynamic
    // linker puts on the stack with the next first call of a function.
    const volatile char* from = text.data();
    auto* to = static_cast<volatile char*>(bytes_);
    for (std::size_t i = 0; i < text.size(); ++i) to[i] = from[i];
  }
  page(const page&) = delete;
  page& operator=(const page&) = delete;
  ~page() {
    ::explicit_bzero(bytes_, room);
    (void)::munmap(bytes_, room);
  }
  std::string_view text() const noexcept { return {static_cast<const char*>(bytes_), size_}; }

 private:
  static constexpr std::size_t room = 4096;
  std::size_t size_;
  void* bytes_;
};

secret::secret(std::string&& text) {
  bool fits = text.size() <= page::max_size;
  if (fits) text_ = std::make_shared<const page>(text);
  ::explicit_bzero(text.data(), text.size());
  text.clear();
  if (!fits) throw std::invalid_argument("a secret is at most 4,000 bytes long");
}

std::string_view secret::reveal() const noexcept {
  return text_ ? text_->text() : std::string_view("");
}

secret_prompt::secret_prompt(question ask)
    : store_(ask ? std::make_shared<detail::secret_store>(std::move(ask)) : nullptr) {}

namespace detail {

std::optional<secret> secret_store::find(const secret_prompt& of, const std::string& what,
                                         const std::string& text,
                                         const std::function<bool(const secret&)>& fits) {
  secret_store& store = *of.store_;
  std::lock_guard lock(store.mutex_);
  auto known = store.known_.find(what);
  if (known != store.known_.end()) {
    bool good = known->second && fits(*known->second);
    if (good || !known->second) return known->second;
  }
  constexpr int max_tries = 3;
  std::optional<secret> answer;
  for (int i = 0; i < max_tries; ++i) {
    answer = store.ask(text);
    if (!answer || fits(*answer)) break;
    answer.reset();
  }
  store.known_.insert_or_assign(what, answer);
  return answer;
}

std::optional<secret> secret_store::ask_once(const secret_prompt& of, const std::string& text) {
  secret_store& store = *of.store_;
  std::lock_guard lock(store.mutex_);
  return store.ask(text);
}

std::optional<secret> secret_store::ask(const std::string& text) noexcept {
  try {
    return ask_(text);
  } catch (...) {
    return std::nullopt;
  }
}

}  // namespace detail
}  // namespace execo
