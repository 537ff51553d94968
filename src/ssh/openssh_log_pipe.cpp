#include "ssh/openssh_log_pipe.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <string_view>

namespace execo::detail {

openssh_log_pipe::~openssh_log_pipe() { assert(!readable_.active); }

// A pipe cannot be inherited: ssh closes all but 0, 1 and 2 before it opens its log.
std::error_code openssh_log_pipe::open() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {errno, std::system_category()};
  in_ = unique_fd(ends[0]);
  out_ = unique_fd(ends[1]);
  if (!in_ || !out_ || ::fcntl(in_.get(), F_SETFL, O_NONBLOCK) != 0)
    return {errno, std::system_category()};
  return {};
}

// Of its directory ssh could only see one that has none of our names any more; the process that it
// opens the log of is this one.
std::string openssh_log_pipe::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(out_.get());
}

void openssh_log_pipe::watch() {
  if (!in_ || readable_.active || ended_) return;
  readable_.prepare_poll(in_.get(), POLLIN);
  loop_.start(readable_);
}

void openssh_log_pipe::on_readable(int result) {
  if (closing_) return idle_();
  if (result == -ECANCELED) return;
  ready_();
  if (!closing_) watch();
}

// Whatever came with it may be known only through it.
void openssh_log_pipe::read_into(openssh_log& log) {
  std::array<char, 8192> bytes;
  while (in_ && !ended_) {
    ssize_t count = ::read(in_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    ended_ = count == 0;
    if (count <= 0) return;
    // ssh has it open now.
    out_.reset();
    log.feed(std::string_view(bytes.data(), static_cast<std::size_t>(count)));
  }
}

void openssh_log_pipe::close() {
  closing_ = true;
  out_.reset();
  if (readable_.active) loop_.cancel(readable_);
}

}  // namespace execo::detail
