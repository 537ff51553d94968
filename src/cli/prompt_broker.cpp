#include "prompt_broker.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

#include "command_line/usage_error.hpp"
#include "hidden_line.hpp"

extern char** environ;

namespace execo::cli {
namespace {

/// A descriptor that is closed with it.
class opened {
 public:
  explicit opened(int fd) noexcept : fd_(fd) {}
  opened(const opened&) = delete;
  opened& operator=(const opened&) = delete;
  ~opened() {
    if (fd_ >= 0) (void)::close(fd_);
  }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

int open_terminal() { return ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY); }

std::string_view variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

/// A program that shows a text and prints the answer.
class asking_program {
 public:
  asking_program(const std::string& program, const std::string& text) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    answers_ = ends[0];
    opened theirs(ends[1]);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    (void)::posix_spawn_file_actions_init(&files);
    (void)::posix_spawnattr_init(&attributes);
    (void)::posix_spawn_file_actions_adddup2(&files, theirs.get(), STDOUT_FILENO);
    take_signals(attributes);
    char* words[] = {const_cast<char*>(program.c_str()), const_cast<char*>(text.c_str()), nullptr};
    if (::posix_spawnp(&child_, program.c_str(), &files, &attributes, words, environ) != 0)
      child_ = -1;
    (void)::posix_spawnattr_destroy(&attributes);
    (void)::posix_spawn_file_actions_destroy(&files);
  }
  asking_program(const asking_program&) = delete;
  asking_program& operator=(const asking_program&) = delete;
  ~asking_program() {
    if (child_ > 0) (void)ended_well();
    if (answers_ >= 0) (void)::close(answers_);
  }

  bool is_started() const noexcept { return child_ > 0; }
  int answers() const noexcept { return answers_; }
  void kill() const noexcept { (void)::kill(child_, SIGTERM); }
  bool ended_well() noexcept {
    int status = -1;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) continue;
    child_ = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  // This thread takes none, and the run ignores one.
  static void take_signals(posix_spawnattr_t& attributes) {
    sigset_t none, pipe;
    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    (void)::posix_spawnattr_setsigmask(&attributes, &none);
    (void)::posix_spawnattr_setsigdefault(&attributes, &pipe);
    (void)::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }

  int answers_ = -1;
  pid_t child_ = -1;
};

}  // namespace

prompt_broker::prompt_broker(const stop_flag& stop, terminal_turn& turn)
    : end_(stop), turn_(turn), way_(way_now(program_)) {}

prompt_broker::way prompt_broker::way_now(std::string& program) {
  program = variable("SSH_ASKPASS");
  std::string_view require = variable("SSH_ASKPASS_REQUIRE");
  bool has_display = !variable("DISPLAY").empty() || !variable("WAYLAND_DISPLAY").empty();
  bool is_preferred = require == "force" || require == "prefer";
  if (!program.empty() && is_preferred) return way::program;
  if (require != "force" && opened(open_terminal())) return way::terminal;
  bool may_run = !program.empty() && has_display && require != "never";
  return may_run ? way::program : way::none;
}

std::optional<secret> prompt_broker::ask(const std::string& text) noexcept {
  std::lock_guard turn(one_at_a_time_);
  if (end_.has_come()) return std::nullopt;
  try {
    return way_ == way::program ? ask_program(text) : ask_on_terminal(text);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<secret> prompt_broker::ask_on_terminal(const std::string& text) {
  opened terminal(open_terminal());
  if (!terminal) return std::nullopt;
  std::lock_guard here(turn_.mutex);
  std::string shown = turn_.shows_progress ? "\r\x1b[K" : "";
  turn_.shows_progress = false;
  return read_hidden_line(terminal.get(), shown + text, end_);
}

std::optional<secret> prompt_broker::ask_program(const std::string& text) {
  asking_program asked(program_, text);
  if (!asked.is_started()) return std::nullopt;
  std::optional<secret> answer = read_line(asked.answers(), &end_);
  if (end_.has_come()) asked.kill();
  return asked.ended_well() ? answer : std::nullopt;
}

secret_prompt prompt_broker::prompt() {
  return secret_prompt([this](const std::string& text) { return ask(text); });
}

secret read_secret(const std::string& option, int fd) {
  using command_line::usage_error;
  if (::fcntl(fd, F_GETFD) < 0)
    throw usage_error(fmt::format("{} {}: {}", option, fd, ::strerror(errno)));
  opened from(fd);
  std::optional<secret> line;
  try {
    line = read_line(fd, nullptr);
  } catch (const std::invalid_argument& error) {
    throw usage_error(fmt::format("{} {}: {}", option, fd, error.what()));
  }
  if (!line || line->reveal().empty())
    throw usage_error(fmt::format("{} {}: there is no password on it", option, fd));
  return *line;
}

}  // namespace execo::cli
