#include "hidden_line.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <utility>

namespace execo::cli {
namespace {

constexpr std::array ending_signals{SIGQUIT, SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,
                                    SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGSYS};

// What signal handlers need, while a line is read.
struct {
  std::atomic<int> terminal{-1};
  termios before{};
  std::atomic<bool> stop_asked{false};
} hidden;

void restore_terminal() noexcept {
  int terminal = hidden.terminal.load();
  if (terminal >= 0) (void)::tcsetattr(terminal, TCSANOW, &hidden.before);
}

extern "C" void end_shown(int number) {
  restore_terminal();
  // The handler is gone (SA_RESETHAND).
  (void)::raise(number);
}

extern "C" void note_stop(int) { hidden.stop_asked.store(true); }

/// The actions of signals for as long as a line is hidden. What is ignored stays so.
class shown_at_the_end {
 public:
  shown_at_the_end() noexcept {
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      set(ending_signals[i], end_shown, static_cast<int>(SA_RESETHAND), before_[i]);
    set(SIGTSTP, note_stop, 0, stop_before_);
  }
  shown_at_the_end(const shown_at_the_end&) = delete;
  shown_at_the_end& operator=(const shown_at_the_end&) = delete;
  ~shown_at_the_end() {
    for (std::size_t i = 0; i < ending_signals.size(); ++i)
      (void)::sigaction(ending_signals[i], &before_[i], nullptr);
    (void)::sigaction(SIGTSTP, &stop_before_, nullptr);
  }

 private:
  static void set(int number, void (*handler)(int), int flags, struct sigaction& before) noexcept {
    struct sigaction wanted {};
    wanted.sa_handler = handler;
    wanted.sa_flags = flags;
    (void)::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) (void)::sigaction(number, &wanted, nullptr);
  }

  std::array<struct sigaction, ending_signals.size()> before_{};
  struct sigaction stop_before_ {};
};

/// The terminal shows nothing of what is typed.
class hidden_input {
 public:
  explicit hidden_input(int terminal) noexcept : terminal_(terminal) {
    if (::tcgetattr(terminal, &hidden.before) != 0) return;
    hidden.terminal.store(terminal);
    termios quiet = hidden.before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    // What was typed before the question is no answer.
    is_hidden_ = ::tcsetattr(terminal, TCSAFLUSH, &quiet) == 0;
  }
  hidden_input(const hidden_input&) = delete;
  hidden_input& operator=(const hidden_input&) = delete;
  ~hidden_input() {
    restore_terminal();
    hidden.terminal.store(-1);
    write("\n");
  }

  bool is_hidden() const noexcept { return is_hidden_; }
  void write(std::string_view text) const noexcept {
    while (!text.empty()) {
      ssize_t n = ::write(terminal_, text.data(), text.size());
      if (n < 0 && errno != EINTR) return;
      if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
  }

 private:
  int terminal_;
  bool is_hidden_ = false;
};

// One byte at a time: a search by vectors leaves the text in their registers, which the dynamic
// linker puts on the stack with the next first call of a function. So does a copy.
bool is_newline(const volatile char& c) noexcept { return c == '\n'; }

/// All that a text has room for; its bytes stay where they are.
class wiped_at_the_end {
 public:
  explicit wiped_at_the_end(std::string& text) noexcept
      : bytes_(text.data()), size_(text.capacity()) {}
  wiped_at_the_end(const wiped_at_the_end&) = delete;
  wiped_at_the_end& operator=(const wiped_at_the_end&) = delete;
  ~wiped_at_the_end() { ::explicit_bzero(bytes_, size_); }

 private:
  char* bytes_;
  std::size_t size_;
};

constexpr int glance = 100;  // milliseconds

bool has_ended(const end_of_questions* end) { return end != nullptr && end->has_come(); }

// A handler only takes note of the key that stops the program.
bool is_ready(int fd, const end_of_questions* end) {
  while (!hidden.stop_asked.load() && !has_ended(end)) {
    pollfd watched{fd, POLLIN, 0};
    int ready = ::poll(&watched, 1, glance);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

// The kernel stops what reads a terminal in the background, but not a thread that takes no signals.
bool is_in_foreground(int terminal, const end_of_questions& end) {
  constexpr int max_tries = 3;
  for (int i = 0; i < max_tries && ::tcgetpgrp(terminal) != ::getpgrp(); ++i) {
    if (end.has_come()) return false;
    (void)::kill(::getpid(), SIGTTIN);
    (void)::poll(nullptr, 0, glance);
  }
  return ::tcgetpgrp(terminal) == ::getpgrp();
}

void stop_here() {
  (void)::kill(::getpid(), SIGTSTP);
  (void)::poll(nullptr, 0, glance);
}

}  // namespace

std::optional<secret> read_line(int fd, const end_of_questions* end) {
  constexpr std::size_t max_size = 4000;
  std::string text(max_size + 1, '\0');
  const wiped_at_the_end wiped(text);
  std::size_t size = 0, length = 0;
  ssize_t n = 0;
  bool has_newline = false;
  while (!has_newline && size < text.size() && is_ready(fd, end)) {
    n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
    while (length < size && !is_newline(text[length])) ++length;
    has_newline = length < size;
  }
  bool is_whole = has_newline || (n == 0 && size > 0) || size == text.size();
  if (!is_whole) return std::nullopt;
  text.resize(length);
  return secret(std::move(text));
}

std::optional<secret> read_hidden_line(int terminal, std::string_view prompt,
                                       const end_of_questions& end) {
  while (!end.has_come() && is_in_foreground(terminal, end)) {
    hidden.stop_asked.store(false);
    std::optional<secret> line;
    {
      shown_at_the_end restored;
      hidden_input input(terminal);
      if (!input.is_hidden()) return std::nullopt;
      input.write(prompt);
      line = read_line(terminal, &end);
    }
    if (!hidden.stop_asked.exchange(false)) return line;
    stop_here();
  }
  return std::nullopt;
}

}  // namespace execo::cli
