#include "command_line/standard_streams.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <cstdio>
#include <string>

#include "execo/printable.hpp"

namespace execo::command_line {

namespace {

constexpr std::size_t enough_to_write = 65536;
int output_error = 0;  // of the first write to standard output that failed

// Not written yet: names are added one by one, thousands of them.
std::string& pending_output() {
  static std::string pending;
  return pending;
}

void write_now(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error == 0)
    output_error = errno;
}

void write_pending() {
  write_now(pending_output());
  pending_output().clear();
}

}  // namespace

void open_missing_streams() noexcept {
  for (int fd : {0, 1, 2})
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void write_output(std::string_view text) {
  std::string& pending = pending_output();
  if (pending.size() + text.size() > enough_to_write) write_pending();
  if (text.size() > enough_to_write) {
    write_now(text);
  } else {
    pending += text;
  }
}

void write_line(std::string_view text) {
  write_output(text);
  write_output("\n");
}

int finish_output(const char* command, int status) {
  write_pending();
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
  if (output_error == 0 && std::ferror(stdout) == 0) return status;
  if (output_error != EPIPE) {
    complain(command, std::string{"standard output: "} + ::strerror(output_error));
  }
  return exit_output_lost;
}

void complain(std::string_view command, std::string_view text) {
  const std::string line = std::string{command} + ": " + printable(text) + '\n';
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace execo::command_line
