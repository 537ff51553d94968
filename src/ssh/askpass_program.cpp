#include "ssh/askpass_program.hpp"

#include <errno.h>
#include <unistd.h>

#include "process/memory_program.hpp"

// The program of src/askpass, as it was built.
EXECO_EMBEDDED_PROGRAM(execo_askpass_program, EXECO_ASKPASS_PROGRAM);

namespace execo::detail {

std::error_code askpass_program::make() {
  if (!program_)
    program_ = program_in_memory("execo-askpass", execo_askpass_program, execo_askpass_program_end);
  return program_ ? std::error_code() : std::error_code(errno, std::system_category());
}

// ssh has none of our descriptors, and what it starts may see this process in /proc.
std::string askpass_program::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(program_.get());
}

}  // namespace execo::detail
