#include "command_line/text_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <limits>
#include <stdexcept>

#include "base/fd.hpp"
#include "base/read_file.hpp"
#include "command_line/usage_error.hpp"
#include "execo/printable.hpp"

namespace execo::command_line {

using detail::file_read;

std::string read_text(std::string_view origin, const std::string& path) {
  constexpr std::size_t max_size = std::size_t{256} << 20;
  std::string text;
  std::string problem;
  detail::unique_fd file;
  if (path != "-") file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (path != "-" && !file) {
    problem = ::strerror(errno);
  } else if (detail::read_descriptor(file ? file.get() : STDIN_FILENO, max_size, text, problem) ==
             file_read::whole) {
    return text;
  }
  const bool too_large = text.size() > max_size;
  throw usage_error(fmt::format("{} '{}' {}{}", origin, printable(path),
                                too_large ? "" : "cannot be read: ", problem));
}

std::string read_standard_input() {
  std::string text;
  std::string problem;
  if (detail::read_descriptor(STDIN_FILENO, std::numeric_limits<std::size_t>::max(), text,
                              problem) == file_read::whole)
    return text;
  throw std::runtime_error("standard input: " + problem);
}

}  // namespace execo::command_line
