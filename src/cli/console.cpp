#include "console.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "execo/printable.hpp"

namespace execo::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t enough_to_send = 64 * 1024;
// The limit of unwritten output after an interrupt, when a stalled reader is not waited for.
constexpr std::size_t max_behind = 4 * 1024 * 1024;
// When to try a full descriptor again, unless another enough_to_send bytes have come first.
constexpr auto between_refusals = std::chrono::milliseconds(10);

bool is_regular(int fd) noexcept {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

int milliseconds_until(steady_clock::time_point when) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(when - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
}

}  // namespace

output::output(int fd, const stop_flag& stop, terminal_turn& turn)
    : stop_(stop), turn_(turn), fd_(fd), terminal_(::isatty(fd) == 1), regular_(is_regular(fd)) {}

void output::write(std::string_view bytes) {
  if (error_ != 0) return;
  buffer_.append(bytes);
  if (buffer_.size() < enough_to_send) return;
  if (worth_trying()) send(false);
  if (buffer_.size() > max_behind) {
    buffer_.clear();
    error_ = ETIMEDOUT;
  }
}

// A line is several writes, and thousands come per second: a system call for each would delay the
// end of the run.
bool output::worth_trying() const {
  return refused_size_ == 0 || buffer_.size() >= refused_size_ + enough_to_send ||
         steady_clock::now() - refused_at_ >= between_refusals;
}

void output::note_refusal() noexcept {
  refused_size_ = buffer_.size();
  if (refused_size_ != 0) refused_at_ = steady_clock::now();
}

// Waits for a full pipe or a stopped terminal in poll(), never in write(), where an interrupt could
// not wake us. A writable pipe takes PIPE_BUF bytes at once, pipe(7).
void output::send(bool last) {
  std::unique_lock<std::recursive_mutex> turn;
  if (terminal_) turn = take_turn(last);
  if (terminal_ && !turn) return;
  std::string_view rest = buffer_;
  // Stopping the remote commands takes up to 1.5 s; the reader gets the rest of 2 s.
  auto deadline = steady_clock::now() + std::chrono::milliseconds(200);
  if (stop_.raised())
    deadline = std::max(deadline, stop_.since() + std::chrono::milliseconds(1800));
  while (!rest.empty() && error_ == 0) {
    if (!regular_ && !wait_until_writable(deadline, last)) break;
    std::size_t piece = regular_ ? rest.size() : std::min<std::size_t>(rest.size(), PIPE_BUF);
    ssize_t n = ::write(fd_, rest.data(), piece);
    if (n >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR && errno != EAGAIN) {
      error_ = errno;
    }
  }
  if (error_ != 0) rest = {};
  buffer_.erase(0, buffer_.size() - rest.size());
  note_refusal();
}

// A question is on the terminal until it is answered, or until there is an interrupt.
std::unique_lock<std::recursive_mutex> output::take_turn(bool last) const {
  bool waits = last || buffer_.size() >= enough_to_send;
  return waits ? std::unique_lock(turn_.mutex) : std::unique_lock(turn_.mutex, std::try_to_lock);
}

bool output::wait_until_writable(steady_clock::time_point deadline, bool last) {
  while (true) {
    pollfd watched[2] = {{fd_, POLLOUT, 0}, {stop_.fd(), POLLIN, 0}};
    bool stopping = stop_.raised();
    int timeout = !stopping ? -1 : last ? milliseconds_until(deadline) : 0;
    int ready = ::poll(watched, stopping ? 1 : 2, timeout);
    if (ready < 0 && errno != EINTR) return true;  // write() reports the error
    if (ready > 0 && watched[0].revents != 0) return true;
    if (ready == 0 && stopping) {
      if (last) error_ = ETIMEDOUT;
      return false;
    }
    if (stop_.raised() && !stopping)
      deadline = std::max(deadline, stop_.since() + std::chrono::milliseconds(1800));
  }
}

console::console(const stop_flag& stop, color_mode color, int out, int err)
    : out_(out, stop, turn_),
      err_(err, stop, turn_),
      out_colors_(use_colors(color, out)),
      err_colors_(use_colors(color, err)) {}

void console::put(output& to, output& other, std::string_view bytes) {
  if (!other.empty()) other.flush();
  erase_progress();
  to.write(bytes);
}

void console::out(std::string_view bytes) {
  put(out_, err_, out_.terminal() ? printable_lines(bytes) : std::string_view(bytes));
}

void console::err(std::string_view bytes) {
  put(err_, out_, err_.terminal() ? printable_lines(bytes) : std::string_view(bytes));
}

// Magenta on standard output, red on standard error.
void console::labelled(output& to, output& other, bool colors, std::string_view host,
                       std::string_view line) {
  std::string_view color = &to == &err_ ? "\x1b[31;1m" : "\x1b[35;1m";
  bool named = !host.empty();
  put(to, other, named && colors ? color : std::string_view());
  to.write(host);
  if (named) to.write(colors ? "\x1b[m: " : ": ");
  to.write(to.terminal() ? printable(line) : line);
  to.write("\n");
}

void console::note(std::string_view line) {
  err_plain(fmt::format("execo: {}\n", printable(line)));
}

void console::erase_progress() {
  std::unique_lock turn(turn_.mutex, std::try_to_lock);
  if (!turn || !turn_.shows_progress) return;
  turn_.shows_progress = false;
  err_.write("\r\x1b[K");
  err_.flush();
}

void console::progress(std::string_view line) {
  std::unique_lock turn(turn_.mutex, std::try_to_lock);
  if (!turn) return;
  flush();
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
    line = line.substr(0, size.ws_col - 1u);  // a line that wraps could not be erased
  err_.write(fmt::format("\r{}\x1b[K", line));
  err_.flush();
  turn_.shows_progress = true;
}

void console::flush() {
  out_.flush();
  err_.flush();
}

void console::finish() {
  erase_progress();
  out_.finish();
  err_.finish();
}

}  // namespace execo::cli
