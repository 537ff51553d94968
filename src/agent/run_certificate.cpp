#include "agent/run_certificate.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace execo::agent {
namespace {

// ssh takes no key that others may read.
unique_fd file_of(const std::string& text) {
  unique_fd made(::memfd_create("execo-login", MFD_CLOEXEC));
  const bool is_written =
      made && ::fchmod(made.get(), S_IRUSR | S_IWUSR) == 0 &&
      ::write(made.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!is_written) made.reset();
  return made;
}

}  // namespace

void run_certificate::take(const detail::certificate_message& what) {
  told_ = what;
  const unique_fd key = file_of(what.key);
  const unique_fd certificate = file_of(what.text);
  file_holder made;
  if (!key || !certificate || !made.start(key.get(), certificate.get(), around_)) {
    problem_ = std::string("no files for a key here: ") + words_of_error(errno);
    return;
  }
  before_ = std::exchange(now_, std::move(made));
}

}  // namespace execo::agent
