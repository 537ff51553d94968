#include "transfer/copy_failure.hpp"

#include <errno.h>

#include <array>
#include <optional>

#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_shown = 300;

struct error_words {
  std::string_view words;
  int number;
};

// errno(3); the second spelling of a number is musl's, others are those of dash and busybox.
constexpr std::array words_of_errors{
    error_words{"No space left on device", ENOSPC},
    error_words{"Disk quota exceeded", EDQUOT},
    error_words{"Quota exceeded", EDQUOT},
    error_words{"Permission denied", EACCES},
    error_words{"Operation not permitted", EPERM},
    error_words{"Read-only file system", EROFS},
    error_words{"File name too long", ENAMETOOLONG},
    error_words{"Filename too long", ENAMETOOLONG},
    error_words{"No such file or directory", ENOENT},
    error_words{"Directory nonexistent", ENOENT},
    error_words{"nonexistent directory", ENOENT},
    error_words{"Not a directory", ENOTDIR},
    error_words{"Is a directory", EISDIR},
    error_words{"Directory not empty", ENOTEMPTY},
    error_words{"File exists", EEXIST},
    error_words{"File too large", EFBIG},
    error_words{"Too many levels of symbolic links", ELOOP},
    error_words{"Symbolic link loop", ELOOP},
    error_words{"Too many links", EMLINK},
    error_words{"Input/output error", EIO},
    error_words{"I/O error", EIO},
    error_words{"Text file busy", ETXTBSY},
    error_words{"Cannot allocate memory", ENOMEM},
    error_words{"Out of memory", ENOMEM},
    error_words{"Stale file handle", ESTALE},
};

std::optional<int> number_in(std::string_view line) {
  for (const error_words& one : words_of_errors)
    if (line.ends_with(one.words)) return one.number;
  return std::nullopt;
}

std::string_view next_line(std::string_view& text) {
  std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::string shown_path(std::string_view path) { return printable(path, max_shown); }

copy_failure failure_of_tool(std::string_view said) {
  copy_failure found;
  while (!said.empty()) {
    std::string_view line = next_line(said);
    if (line.empty()) continue;
    found.context = printable(line, max_shown);
    if (std::optional<int> number = number_in(line)) {
      found.why = std::error_code(*number, std::system_category());
      return found;
    }
  }
  return found;
}

}  // namespace execo::detail
