#include "agent/line.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace execo::agent {
namespace {

// Others are to have their turn beside a link that always has bytes.
constexpr int reads_at_once = 4;

void make_non_blocking(int fd) noexcept {
  (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

}  // namespace

line::line(reactor& on, line_owner& owner, detail::link link, int in, int out)
    : loop_(on),
      owner_(owner),
      link_(std::move(link)),
      in_(in),
      out_(out),
      in_seen_(delegate<std::uint32_t>::to<&line::on_ready>(this)),
      out_seen_(delegate<std::uint32_t>::to<&line::on_out_ready>(this)),
      due_(delegate<>::to<&line::on_due>(this)) {
  make_non_blocking(in);
  make_non_blocking(out);
  touch();
}

line::~line() { cut(); }

void line::cut() noexcept {
  loop_.forget(in_seen_);
  loop_.forget(out_seen_);
  loop_.disarm(due_);
  state_ = line_state::over;
}

void line::drain() {
  // At most what a socket holds.
  constexpr int max_reads = 16;
  for (int i = 0; i < max_reads && state_ == line_state::open; ++i) read();
}

bool line::drained() {
  return state_ != line_state::open ||
         (link_.data_backlog() == 0 && link_.control_backlog() == 0 && link_.output().empty());
}

void line::touch() {
  if (std::exchange(touched_, true)) return;
  owner_.on_touched(*this);
}

void line::take(std::string_view bytes) {
  while (std::optional<detail::frame> next = link_.next(bytes, loop_.now()))
    owner_.on_frame(*this, *next);
  touch();
}

void line::leave(detail::goodbye_message said) {
  link_.leave(std::move(said));
  touch();
}

void line::grant() {
  link_.grant();
  touch();
}

void line::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) touch();
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read();
}

void line::read() {
  const std::span<char> buffer = loop_.read_buffer();
  for (int i = 0; i < reads_at_once && state_ == line_state::open; ++i) {
    ssize_t got = ::read(in_, buffer.data(), buffer.size());
    if (got > 0) {
      take(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
      if (static_cast<std::size_t>(got) < buffer.size()) return;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      break_off();
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void line::break_off() {
  if (state_ != line_state::open) return;
  cut();
  state_ = line_state::broken;
  link_.bytes_ended();
  touch();
}

// False if the other end takes no more for now.
bool line::write() {
  for (;;) {
    std::string_view bytes = link_.output();
    if (bytes.empty()) return true;
    ssize_t put = ::write(out_, bytes.data(), bytes.size());
    if (put > 0) {
      link_.written(static_cast<std::size_t>(put), loop_.now());
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      break_off();
      return true;
    }
  }
}

void line::flush() {
  touched_ = false;
  if (state_ == line_state::open) {
    bool all = write();
    // Both have said their goodbye, or ours tells of a fault.
    if (all && link_.is_over()) break_off();
    if (state_ == line_state::open) await(!all);
    if (state_ == line_state::open) arm();
  }
  if (state_ != line_state::broken || !link_.is_over()) return;
  state_ = line_state::over;
  owner_.on_over(*this);
}

void line::await(bool writes) {
  const std::uint32_t writing = writes ? EPOLLOUT : 0U;
  bool watched = in_ == out_
                     ? loop_.look(in_seen_, in_, EPOLLIN | writing)
                     : loop_.look(in_seen_, in_, EPOLLIN) && loop_.look(out_seen_, out_, writing);
  if (!watched) break_off();
}

// It is set too early rather than each time that something moves; and late by a part of a
// heartbeat, so that those of several links are one wake.
void line::arm() {
  std::optional<time_point> due = link_.due();
  if (!due) return;
  const milliseconds step(link_.welcome().heartbeat_ms / 8 + 1);
  const time_point at(std::chrono::ceil<milliseconds>(due->time_since_epoch()) / step * step +
                      step);
  if (!due_.armed() || at < due_.due()) loop_.arm(due_, at);
}

void line::on_due() {
  link_.tick(loop_.now());
  arm();
  touch();
}

}  // namespace execo::agent
