#include "io/input_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "io/file_target.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t piece = 64 * 1024;

}  // namespace

input_file::input_file(loop& on, input_file_owner& owner, std::string path, int fd)
    : loop_(on),
      owner_(owner),
      path_(std::move(path)),
      borrowed_(fd),
      poll_(callback<int>::to<&input_file::on_ready>(this)) {}

std::string input_file::name() const {
  return path_.empty() ? "descriptor " + std::to_string(borrowed_) : path_;
}

std::error_code input_file::open(std::string& context) {
  // A number of our own: epoll knows one waiter for each.
  int fd =
      path_.empty() ? ::fcntl(borrowed_, F_DUPFD_CLOEXEC, 3) : open_file(path_.c_str(), O_RDONLY);
  if (fd >= 0) {
    fd_.reset(fd);
    return {};
  }
  context = "open " + name();
  return {path_.empty() ? errno : -fd, std::system_category()};
}

void input_file::read() {
  if (closed_ || poll_.active) return;
  poll_.prepare_poll(fd_.get(), POLLIN);
  loop_.start(poll_);
}

void input_file::on_ready(int result) {
  if (closed_) return owner_.on_file_end(0);
  if (result < 0) return owner_.on_file_end(-result);
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(piece);
  ssize_t n = ::read(fd_.get(), buffer_.get(), piece);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return read();
  if (n < 0) return owner_.on_file_end(errno);
  if (n == 0) return owner_.on_file_end(0);
  owner_.on_file_bytes({buffer_.get(), static_cast<std::size_t>(n)});
}

void input_file::close() noexcept {
  closed_ = true;
  if (poll_.active) loop_.cancel(poll_);
}

}  // namespace execo::detail
