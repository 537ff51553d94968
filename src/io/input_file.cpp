#include "io/input_file.hpp"

#include <cassert>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

namespace execo::detail {
namespace {

constexpr std::size_t piece = 64 * 1024;

}  // namespace

input_file::input_file(loop& on, input_file_owner& owner, file_path path, lent_fd fd)
    : owner_(owner),
      path_(std::move(path)),
      borrowed_(fd),
      ready_(on, delegate<int>::to<&input_file::on_ready>(this)),
      call_(on, delegate<int>::to<&input_file::on_read>(this)) {}

std::string input_file::name() const {
  return path_.text.empty() ? "descriptor " + std::to_string(borrowed_.given) : path_.text;
}

std::error_code input_file::open(std::string& context) {
  buffer_ = std::make_unique_for_overwrite<char[]>(piece);
  int error = path_.text.empty() ? file_.borrow(borrowed_.number) : file_.open(path_, O_RDONLY);
  if (error != 0) context = "open " + name();
  return {error, std::system_category()};
}

void input_file::read() {
  assert(!busy());
  if (closed_ || busy()) return;
  if (file_.needs_thread()) return read_on_thread();
  ready_.wait(file_.fd(), POLLIN);
}

void input_file::on_ready(int result) {
  if (closed_) return owner_.on_file_end(0);
  if (result < 0) return owner_.on_file_end(-result);
  ssize_t n = file_.read(buffer_.get(), piece);
  // Another reader of the same descriptor was faster.
  if (n == -EAGAIN) return read();
  ready_.progress();
  on_read(static_cast<int>(n));
}

void input_file::read_on_thread() {
  if (int error = call_.read(file_.fd(), piece); error != 0) owner_.on_file_end(error);
}

void input_file::on_read(int result) {
  if (result <= 0) return owner_.on_file_end(-result);
  const char* bytes = file_.needs_thread() ? call_.bytes() : buffer_.get();
  owner_.on_file_bytes({bytes, static_cast<std::size_t>(result)});
}

void input_file::close() noexcept {
  closed_ = true;
  ready_.cancel();
  call_.abandon();
}

}  // namespace execo::detail
