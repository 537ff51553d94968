#include "process/start_child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/file_target.hpp"
#include "process/fork_lock.hpp"

namespace execo::detail {
namespace {

/// All descriptors of one child, its streams and what else it is passed, while it is made.
class child_descriptors {
 public:
  child_descriptors(spawn_plan& plan, started_child& child) : plan_(plan), child_(child) {}

  /// Opens what is not given, and fills in the map of the request.
  bool open();

 private:
  bool open_stream(std::size_t index);
  bool open_pipe(std::size_t index);
  bool open_terminal();
  void place(int source, int target, const char* name) {
    plan_.what.descriptors.push_back(placed_descriptor{source, target, name});
  }

  spawn_plan& plan_;
  started_child& child_;
  std::array<unique_fd, 3> made_;  // the child's ends
  std::array<int, 3> sources_{};   // of its 0, 1 and 2
};

constexpr std::array<const char*, 3> stream_names{"standard input", "standard output",
                                                  "standard error"};
constexpr std::array<const char*, 3> pipe_steps{
    "pipe for standard input", "pipe for standard output", "pipe for standard error"};

/// False, with errno set, if there is none.
bool new_pipe(unique_fd& to_read, unique_fd& to_write) noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  to_read.reset(ends[0]);
  to_write.reset(ends[1]);
  return to_read && to_write;
}

bool child_descriptors::open() {
  if (plan_.attributes_of->attributes.pty) {
    if (!open_terminal()) return false;
  } else {
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (!open_stream(i)) return false;
  }
  for (std::size_t i = 0; i < sources_.size(); ++i)
    place(sources_[i], static_cast<int>(i), stream_names[i]);
  for (const auto& [number, from] : plan_.passed) place(from.fd, number, from.name.c_str());
  return true;
}

bool child_descriptors::open_stream(std::size_t index) {
  const child_stream& to = plan_.streams[index];
  switch (to.what) {
    case child_stream::kind::as_output:
      sources_[index] = sources_[1];
      return true;
    case child_stream::kind::descriptor:
      sources_[index] = to.fd;
      return true;
    case child_stream::kind::file:
      sources_[index] = open_file(to.path, to.flags);
      if (sources_[index] < 0) return child_.made.fail("open", to.path.text, -sources_[index]);
      made_[index].reset(sources_[index]);
      return true;
    case child_stream::kind::pipe:
      break;
  }
  if (index != 0 || plan_.has_input) return open_pipe(index);
  sources_[index] = plan_.null_input;
  return plan_.null_input >= 0 || child_.made.fail("open", "/dev/null", -plan_.null_input);
}

bool child_descriptors::open_pipe(std::size_t index) {
  std::array<unique_fd*, 3> ours{&child_.input, &child_.output, &child_.error};
  bool made =
      index == 0 ? new_pipe(made_[index], *ours[index]) : new_pipe(*ours[index], made_[index]);
  if (!made) return child_.made.fail(pipe_steps[index], "", errno);
  // Only our end: the two ends of a pipe are separate open file descriptions.
  if (plan_.nonblocking) (void)::fcntl(ours[index]->get(), F_SETFL, O_NONBLOCK);
  sources_[index] = made_[index].get();
  return true;
}

// Everything on one terminal: our end is both the input and the output.
bool child_descriptors::open_terminal() {
  const spawn_attributes& wanted = plan_.attributes_of->attributes;
  if (!detail::open_terminal(wanted, child_.output, made_[0], child_.made)) return false;
  // Whatever the backend: io_uring would wait inside a write to a terminal that is not read.
  (void)::fcntl(child_.output.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  child_.input.reset(::fcntl(child_.output.get(), F_DUPFD_CLOEXEC, 3));
  if (!child_.input) return child_.made.fail("dup a terminal", "", errno);
  sources_.fill(made_[0].get());
  return true;
}

}  // namespace

started_child start_child(spawn_plan& plan) {
  started_child child;
  prepared_child prepared;
  fork_lock no_fork;
  child_descriptors descriptors(plan, child);
  bool ready =
      prepare(*plan.attributes_of, plan.what.settings, prepared, child.made) && descriptors.open();
  if (!plan.what.settings.umask) plan.what.settings.umask = plan.what.around->umask();
  if (ready) child.made = spawn(plan.what);
  if (child.made.error != 0) {
    child.input.reset();
    child.output.reset();
    child.error.reset();
  } else {
    child.leaf = std::move(prepared.leaf);
  }
  return child;
}

}  // namespace execo::detail
