#include "agent/file_holder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace execo::agent {

// A shell that waits for the end of its input, which comes with that of this process.
bool file_holder::start(int first, int second, const surroundings& around) {
  std::array<int, 2> pipe{-1, -1};
  problem_ = "pipe";
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return false;
  unique_fd input(pipe[0]);
  input_.reset(pipe[1]);
  child_plan plan;
  plan.program = "/bin/sh";
  plan.words = {"sh", "-c", "read -r end"};
  plan.in = input.get();
  plan.out = first;
  plan.err = second;
  plan.around = &around;
  const started_child child = start_child(plan);
  process_ = child.pid;
  problem_ = child.step;
  errno = child.error;
  return process_ > 0;
}

std::string file_holder::path_of(int descriptor) const {
  return "/proc/" + std::to_string(process_) + "/fd/" + std::to_string(descriptor);
}

}  // namespace execo::agent
