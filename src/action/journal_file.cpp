#include "action/journal_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "execo/journal.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr auto lock_time = std::chrono::seconds(1);

std::string words_of_errno(int error) { return std::generic_category().message(error); }

}  // namespace

std::shared_ptr<journal_file> journal_file::create(const std::filesystem::path& path) {
  unique_fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  const int error = errno;
  const std::string name = printable(path.string());
  if (!fd && error == EEXIST)
    throw journal_error(journal_errc::exists,
                        fmt::format("{}: the file exists: `execo resume {}` goes on with its run, "
                                    "and a new run needs another name",
                                    name, name));
  if (!fd)
    throw journal_error(journal_errc::unreadable, fmt::format("{}: the journal cannot be made: {}",
                                                              name, words_of_errno(error)));
  std::shared_ptr<journal_file> made(new journal_file(path, std::move(fd), true));
  made->lock();
  return made;
}

std::shared_ptr<journal_file> journal_file::open(const std::filesystem::path& path) {
  unique_fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
  if (!fd)
    throw journal_error(journal_errc::unreadable,
                        fmt::format("{}: {}", printable(path.string()), words_of_errno(errno)));
  std::shared_ptr<journal_file> made(new journal_file(path, std::move(fd), false));
  made->lock();
  return made;
}

journal_file::journal_file(std::filesystem::path path, unique_fd fd, bool is_new)
    : path_(std::move(path)),
      name_(printable(path_.string())),
      fd_(std::move(fd)),
      written_(is_new ? 1 : 0),
      is_new_(is_new) {}

journal_file::~journal_file() {
  if (!is_synced()) sync();
}

// Until this is gone, or the process, however that ends. A child that it was starting when it was
// killed keeps the lock until it has executed its program.
void journal_file::lock() const {
  const auto give_up = std::chrono::steady_clock::now() + lock_time;
  int error = 0;
  do {
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return;
    error = errno;
    std::this_thread::sleep_for(lock_time / 20);
  } while (error == EWOULDBLOCK && std::chrono::steady_clock::now() < give_up);
  if (error != EWOULDBLOCK)
    throw journal_error(journal_errc::unreadable,
                        fmt::format("{}: it cannot be locked: {}", name_, words_of_errno(error)));
  throw journal_error(journal_errc::in_use,
                      fmt::format("{}: its run goes on in another process: wait for its end, or "
                                  "stop it, before you resume it",
                                  name_));
}

bool journal_file::write(std::string_view line) noexcept {
  std::lock_guard held(mutex_);
  if (failed()) return false;
  while (!line.empty()) {
    const ssize_t count = ::write(fd_.get(), line.data(), line.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(count == 0 ? EIO : errno);
    line.remove_prefix(static_cast<std::size_t>(count));
  }
  written_.fetch_add(1, std::memory_order_release);
  return true;
}

bool journal_file::fail(int error) noexcept {
  int none = 0;
  error_.compare_exchange_strong(none, error, std::memory_order_acq_rel);
  return false;
}

std::string journal_file::problem() const {
  return fmt::format("{}: the journal cannot be written: {}; no further host was begun", name_,
                     words_of_errno(error_.load(std::memory_order_acquire)));
}

void journal_file::sync() noexcept {
  const std::uint64_t upto = written_.load(std::memory_order_acquire);
  if (::fdatasync(fd_.get()) == 0) {
    if (is_new_.exchange(false)) sync_folder();
    // A file system may have no such thing.
  } else if (errno != EINVAL && errno != EROFS) {
    (void)fail(errno);
  }
  synced_.store(upto, std::memory_order_release);
}

void journal_file::sync_folder() noexcept {
  std::error_code error;
  const std::string folder = std::filesystem::absolute(path_, error).parent_path().string();
  const unique_fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // A folder that cannot be synced has the file as soon as the system likes.
  if (fd) (void)::fsync(fd.get());
}

void journal_file::release() noexcept { (void)::flock(fd_.get(), LOCK_UN); }

void journal_file::remove() noexcept {
  (void)::unlink(path_.c_str());
  synced_.store(written_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

bool journal_file::cut(std::uint64_t size) noexcept {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) return true;
  return fail(errno);
}

}  // namespace execo::detail
