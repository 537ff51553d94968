#include "base/end_program.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <exception>

namespace execo::detail {
namespace {

iovec piece(std::string_view text) noexcept {
  return {const_cast<char*>(text.data()), text.size()};
}

void write_line(std::string_view first, std::string_view second) noexcept {
  const iovec line[] = {piece("execo: "), piece(first), piece(second), piece("\n")};
  (void)!::writev(STDERR_FILENO, line, 4);
}

}  // namespace

void warn(std::string_view what) noexcept { write_line(what, {}); }

void end_program(std::string_view why) noexcept {
  warn(why);
  std::terminate();
}

void end_program_of_exception(std::string_view who) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    write_line(who, error.what());
    std::terminate();
  } catch (...) {
    write_line(who, "not a std::exception");
    std::terminate();
  }
}

}  // namespace execo::detail
