#include "process/spawner.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/file_target.hpp"

namespace execo::detail {
namespace {

// What a loop may stand still for one child, compared with what others wait for on it.
constexpr auto bearable = std::chrono::microseconds(250);

bool make_pipe(unique_fd& read_end, unique_fd& write_end, unique_fd& ours, bool nonblocking) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  // Only our end: the two ends of a pipe are separate open file descriptions.
  if (nonblocking) (void)::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  return true;
}

/// One of a child's three descriptors while it is being made.
struct child_end {
  int number = -1;
  unique_fd owned;
};

constexpr std::array<const char*, 3> pipe_steps{
    "pipe for standard input", "pipe for standard output", "pipe for standard error"};

/// Where it failed, errno tells why; null when it did not. `ours` is our end, if it is a pipe.
const char* make_end(spawn_plan& plan, std::size_t index, child_end& end, unique_fd& ours,
                     std::string& object) {
  const child_stream& to = plan.streams[index];
  if (to.what == child_stream::kind::descriptor) {
    end.number = to.fd;
    if (::fcntl(to.fd, F_GETFD) >= 0) return nullptr;
    object = std::to_string(to.fd);
    return "descriptor";
  }
  if (to.what == child_stream::kind::file) {
    int fd = open_file(to.path.c_str(), to.flags);
    end.owned.reset(fd < 0 ? -1 : fd);
    end.number = fd;
    if (fd >= 0) return nullptr;
    errno = -fd;
    object = to.path;
    return "open";
  }
  bool input = index == 0;
  if (input && !plan.has_input) {
    end.number = plan.null_input;
    if (plan.null_input >= 0) return nullptr;
    errno = -plan.null_input;
    return "open /dev/null";
  }
  unique_fd& read_end = input ? end.owned : ours;
  unique_fd& write_end = input ? ours : end.owned;
  if (!make_pipe(read_end, write_end, ours, plan.nonblocking)) return pipe_steps[index];
  end.number = end.owned.get();
  return nullptr;
}

}  // namespace

started_child start_child(spawn_plan& plan) {
  started_child child;
  std::array<child_end, 3> ends;
  std::array<unique_fd*, 3> ours{&child.input, &child.output, &child.error};
  const char* failed = nullptr;
  std::string object;
  for (std::size_t i = 0; i < ends.size() && failed == nullptr; ++i) {
    if (plan.streams[i].what == child_stream::kind::as_output) {
      ends[i].number = ends[1].number;
    } else {
      failed = make_end(plan, i, ends[i], *ours[i], object);
    }
  }
  if (failed != nullptr) {
    child.made.error = errno;
    child.made.step = failed;
    child.made.object = std::move(object);
  } else {
    plan.what.in = ends[0].number;
    plan.what.out = ends[1].number;
    plan.what.err = ends[2].number;
    child.made = spawn(plan.what);
  }
  if (child.made.error != 0) {
    child.input.reset();
    child.output.reset();
    child.error.reset();
  }
  return child;
}

void spawn_job::work() noexcept {
  if (abandoned_.load(std::memory_order_relaxed)) {
    child.made.error = ECANCELED;
    return;
  }
  auto begun = clock::now();
  child = start_child(plan);
  taken = clock::now() - begun;
}

void spawn_job::finished() noexcept {
  --owner_->under_way_;
  if (taken != clock::duration(0)) owner_->learn(taken);
  done_(*this);
}

bool spawner::is_busy() noexcept {
  if (loop_.spawn_threads() == 0) return false;
  bool busy = under_way_ != 0 || last_turn_ == loop_.turns() || typical_ > bearable;
  return busy && helpers_.available();
}

started_child spawner::spawn_here(spawn_plan& plan) {
  last_turn_ = loop_.turns();
  auto begun = clock::now();
  started_child child = start_child(plan);
  learn(clock::now() - begun);
  return child;
}

spawn_job& spawner::spawn_elsewhere(std::unique_ptr<spawn_job> job) {
  spawn_job& under_way = *job;
  under_way.owner_ = this;
  helpers_.submit(std::move(job));
  ++under_way_;
  return under_way;
}

void spawner::learn(clock::duration taken) noexcept { typical_ += (taken - typical_) / 8; }

}  // namespace execo::detail
