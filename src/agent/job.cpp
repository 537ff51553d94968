#include "agent/job.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "agent/descendants.hpp"
#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

constexpr std::size_t read_size = 32 * 1024;
// Somebody else may hold an output open: a daemon that the command has started.
constexpr milliseconds drain_limit{1000};
// Of a command that prints and goes on: what is to be folded is kept no longer.
constexpr milliseconds fold_time{1000};

bool make_pipe(unique_fd& to_read, unique_fd& to_write) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  to_read.reset(ends[0]);
  to_write.reset(ends[1]);
  return to_read && to_write;
}

bool stops(int number) noexcept {
  return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

void unblock(const unique_fd& fd) noexcept { (void)::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }

}  // namespace

job::job(reactor& on, job_owner& owner, job_plan plan)
    : loop_(on),
      owner_(owner),
      plan_(std::move(plan)),
      outputs_{output(delegate<std::uint32_t>::to<&job::on_out>(this)),
               output(delegate<std::uint32_t>::to<&job::on_err>(this))},
      input_seen_(delegate<std::uint32_t>::to<&job::on_input_ready>(this)),
      patience_(delegate<>::to<&job::on_patience>(this)),
      limit_(delegate<>::to<&job::on_limit>(this)),
      fold_due_(delegate<>::to<&job::stop_folding>(this)) {
  for (output& one : outputs_) one.credit = plan_.window;
}

job::~job() {
  close_input();
  for (unsigned stream : {0U, 1U}) close_output(stream);
  loop_.disarm(patience_);
  loop_.disarm(limit_);
  loop_.disarm(fold_due_);
}

// -- the start
// -------------------------------------------------------------------------------------

bool job::make_pipes(child_plan& child, std::array<unique_fd, 3>& theirs) {
  if (plan_.wants_input) {
    if (!make_pipe(theirs[0], input_)) return false;
    unblock(input_);
  } else if (plan_.nothing < 0) {
    errno = ENOENT;
    return false;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!make_pipe(outputs_[i].pipe, theirs[i + 1])) return false;
    unblock(outputs_[i].pipe);
  }
  child.in = plan_.wants_input ? theirs[0].get() : plan_.nothing;
  child.out = theirs[1].get();
  child.err = theirs[2].get();
  return true;
}

bool job::open_terminal(child_plan& child, unique_fd& theirs) {
  if (!make_terminal(*plan_.terminal, terminal_, theirs)) return false;
  for (unique_fd* end : {&input_, &outputs_[0].pipe}) {
    end->reset(::fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 0));
    if (!*end) return false;
  }
  child.in = child.out = child.err = theirs.get();
  child.on_terminal = true;
  return true;
}

started_child job::start() {
  assert(state_ == job_state::idle);
  started_ = last_output_ = clock::now();
  std::array<unique_fd, 3> theirs;
  started_child made;
  if (plan_.terminal ? open_terminal(plan_.child, theirs[0]) : make_pipes(plan_.child, theirs)) {
    made = start_child(plan_.child);
  } else {
    made.step = plan_.terminal ? "open a terminal for" : "pipe";
    made.error = errno;
  }
  pid_ = group_ = made.pid;
  state_ = pid_ > 0 ? job_state::running : job_state::ended;
  if (state_ == job_state::ended) {
    ended_ = clock::now();
    return made;
  }
  plan_.child = child_plan();
  for (unsigned stream : {0U, 1U}) await(stream);
  arm_limit();
  return made;
}

// -- a connection
// ----------------------------------------------------------------------------------

int job::connect(std::string_view where) {
  assert(state_ == job_state::idle);
  started_ = last_output_ = clock::now();
  std::array<char, sizeof(in_port_t) + sizeof(in6_addr)> bytes{};
  const std::size_t size = where.size() / 2;
  assert(size <= bytes.size());
  for (std::size_t i = 0; i < size; ++i) {
    unsigned value = 0;
    (void)std::from_chars(where.data() + 2 * i, where.data() + 2 * i + 2, value, 16);
    bytes[i] = static_cast<char>(value);
  }
  // The port comes behind the family, the address of IPv6 behind four bytes more.
  const bool is_v6 = size == bytes.size();
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6{};
  } to;
  to.any.sa_family = is_v6 ? AF_INET6 : AF_INET;
  std::memcpy(&to.v4.sin_port, bytes.data(), sizeof(in_port_t));
  void* address = is_v6 ? static_cast<void*>(&to.v6.sin6_addr) : &to.v4.sin_addr;
  std::memcpy(address, bytes.data() + sizeof(in_port_t), size - sizeof(in_port_t));
  input_.reset(::socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (input_) outputs_[0].pipe.reset(::fcntl(input_.get(), F_DUPFD_CLOEXEC, 0));
  const bool is_begun =
      outputs_[0].pipe &&
      (::connect(input_.get(), &to.any, is_v6 ? sizeof to.v6 : sizeof to.v4) == 0 ||
       errno == EINPROGRESS) &&
      loop_.look(input_seen_, input_.get(), EPOLLOUT);
  if (!is_begun) return errno;
  state_ = job_state::connecting;
  return 0;
}

void job::finish_connect() {
  socklen_t size = sizeof refusal_;
  (void)::getsockopt(input_.get(), SOL_SOCKET, SO_ERROR, &refusal_, &size);
  if (refusal_ != 0) return hang_up();
  int on = 1;
  (void)::setsockopt(input_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  state_ = job_state::connected;
  owner_.on_job_connected(*this);
  await(0);
  write_input();
}

void job::hang_up() {
  close_input();
  close_output(0);
  ended_ = clock::now();
  state_ = job_state::ended;
  owner_.on_job_ended(*this);
}

// -- output
// ----------------------------------------------------------------------------------------

// What is dropped needs no credit, since nobody will give any back.
std::size_t job::readable(unsigned stream) const noexcept {
  const output& from = outputs_[stream];
  if (from.total >= plan_.caps[stream]) return read_size;
  if (!plan_.folds && !owner_.has_room()) return 0;
  return std::min(read_size, from.credit);
}

void job::await(unsigned stream) {
  output& from = outputs_[stream];
  if (!from.pipe) return;
  const std::uint32_t wanted = readable(stream) > 0 ? EPOLLIN : 0U;
  if (!loop_.look(from.seen, from.pipe.get(), wanted)) close_output(stream);
}

void job::read(unsigned stream) {
  output& from = outputs_[stream];
  const std::size_t size = readable(stream);
  if (!from.pipe || size == 0) return await(stream);
  const std::span<char> buffer = loop_.read_buffer().first(size);
  ssize_t got = ::read(from.pipe.get(), buffer.data(), buffer.size());
  if (got > 0) {
    take(stream, std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    await(stream);
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    close_output(stream);
    finish_if_drained();
  }
}

void job::take(unsigned stream, std::string_view bytes) {
  output& from = outputs_[stream];
  last_output_ = loop_.now();
  std::uint64_t room = plan_.caps[stream] - std::min(plan_.caps[stream], from.total);
  std::string_view wanted = bytes.substr(0, std::min<std::uint64_t>(room, bytes.size()));
  from.dropped += bytes.size() - wanted.size();
  from.total += wanted.size();
  from.credit -= wanted.size();
  if (wanted.empty()) return;
  if (!plan_.folds) return owner_.on_output(*this, stream, wanted);
  if (outputs_[0].kept.empty() && outputs_[1].kept.empty())
    loop_.arm(fold_due_, loop_.now() + fold_time);
  from.kept.append(wanted);
  if (from.kept.size() > detail::fold_limit) stop_folding();
}

// It is too much or too old to be kept: from here on it is passed on as it comes.
void job::stop_folding() {
  plan_.folds = false;
  loop_.disarm(fold_due_);
  for (unsigned stream : {0U, 1U}) {
    std::string kept = std::exchange(outputs_[stream].kept, std::string());
    if (!kept.empty()) owner_.on_output(*this, stream, kept);
    await(stream);
  }
}

void job::close_output(unsigned stream) {
  output& from = outputs_[stream];
  if (!from.pipe) return;
  loop_.forget(from.seen);
  from.pipe.reset();
}

bool job::add_credit(unsigned stream, std::size_t bytes) {
  output& from = outputs_[stream];
  if (bytes > plan_.window - from.credit) return false;
  from.credit += bytes;
  await(stream);
  return true;
}

void job::resume() {
  for (unsigned stream : {0U, 1U}) await(stream);
}

// -- input
// -----------------------------------------------------------------------------------------

bool job::add_input(std::string_view bytes, bool end) {
  if (!plan_.wants_input || input_ended_ || bytes.size() > plan_.window - to_write_.size())
    return false;
  to_write_.append(bytes);
  input_ended_ = end;
  write_input();
  return true;
}

void job::write_input() {
  std::size_t taken = 0;
  while (input_ && taken < to_write_.size()) {
    ssize_t put = ::write(input_.get(), to_write_.data() + taken, to_write_.size() - taken);
    if (put > 0) {
      taken += static_cast<std::size_t>(put);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      close_input();
    }
  }
  // Nobody reads what is left of it then.
  if (!input_) taken = to_write_.size();
  to_write_.erase(0, taken);
  if (to_write_.empty() && input_ended_) close_input();
  const std::uint32_t wanted = to_write_.empty() ? 0U : EPOLLOUT;
  if (input_ && !loop_.look(input_seen_, input_.get(), wanted)) close_input();
  if (taken > 0) owner_.on_input_taken(*this, taken);
}

void job::close_input() {
  if (!input_) return;
  loop_.forget(input_seen_);
  input_.reset();
}

// -- the end
// ---------------------------------------------------------------------------------------

void job::signal(int number) {
  const bool is_being_ended = state_ == job_state::ending || state_ == job_state::stopping;
  if (number == SIGKILL && lingers()) return kill_rest();
  if (number == SIGKILL && is_being_ended) return kill();
  send(number);
  // What is stopped would not hear it.
  if ((is_being_ended || lingers()) && !stops(number)) send(SIGCONT);
}

void job::send(int number) noexcept {
  if ((has_process() || lingers()) && has_group() && ::kill(-group_, number) != 0 && has_process())
    (void)::kill(pid_, number);
}

// The number of an empty group may be another's soon.
bool job::has_group() noexcept {
  if (group_ > 0 && ::kill(-group_, 0) != 0 && errno == ESRCH) group_ = 0;
  return group_ > 0;
}

void job::expect_end() noexcept {
  if (state_ == job_state::running) state_ = job_state::ending;
}

void job::cancel(job_cause cause, milliseconds grace) {
  if (state_ == job_state::draining) {
    give_up_output();
    return;
  }
  if (state_ == job_state::connecting || state_ == job_state::connected) {
    cause_ = cause;
    return hang_up();
  }
  if (lingers()) {
    if (grace <= milliseconds::zero()) return kill_rest();
    if (!patience_.armed()) loop_.arm(patience_, loop_.now() + grace);
    return;
  }
  if (!has_process() || state_ == job_state::killing) return;
  if (cause_ == job_cause::none) cause_ = cause;
  if (grace <= milliseconds::zero()) return kill();
  if (state_ == job_state::stopping) return;
  state_ = job_state::stopping;
  signal(SIGTERM);
  loop_.arm(patience_, loop_.now() + grace);
}

void job::kill() {
  if (!has_process()) return;
  state_ = job_state::killing;
  loop_.disarm(patience_);
  kill_tree(pid_);
  send(SIGKILL);
}

void job::on_exit(int status, const rusage& used) {
  assert(has_process());
  // What KILL has not reached yet.
  if (state_ == job_state::killing) send(SIGKILL);
  const bool has_grace = state_ == job_state::ending || state_ == job_state::stopping;
  state_ = has_grace ? job_state::lingering : job_state::draining;
  status_ = status;
  used_ = used;
  ended_ = clock::now();
  pid_ = -1;
  close_input();
  terminal_.reset();
  loop_.disarm(limit_);
  if (!lingers()) drain();
}

void job::on_rest_gone() {
  assert(lingers());
  state_ = job_state::draining;
  drain();
}

// Those that have left the group are known to the owner.
void job::kill_rest() {
  assert(lingers());
  state_ = job_state::draining;
  if (has_group()) (void)::kill(-group_, SIGKILL);
  owner_.on_grace_over();
  drain();
}

void job::drain() {
  for (unsigned stream : {0U, 1U}) close_output_at_end(stream);
  loop_.disarm(fold_due_);
  loop_.arm(patience_, loop_.now() + drain_limit);
  finish_if_drained();
}

void job::on_patience() {
  if (state_ == job_state::stopping) return kill();
  if (lingers()) return kill_rest();
  assert(state_ == job_state::draining);
  for (unsigned stream : {0U, 1U}) {
    // Not its fault: what it has written is still taken.
    if (outputs_[stream].pipe && (peek(stream) & POLLIN) != 0 && readable(stream) == 0 &&
        cause_ == job_cause::none)
      return loop_.arm(patience_, loop_.now() + drain_limit);
  }
  give_up_output();
}

short job::peek(unsigned stream) const noexcept {
  pollfd pipe{outputs_[stream].pipe.get(), POLLIN, 0};
  return ::poll(&pipe, 1, 0) > 0 ? pipe.revents : short{0};
}

// One that is not read, for want of credit, does not tell of its end.
void job::close_output_at_end(unsigned stream) {
  if (outputs_[stream].pipe && (peek(stream) & (POLLIN | POLLHUP)) == POLLHUP) close_output(stream);
}

void job::give_up_output() {
  for (unsigned stream : {0U, 1U}) {
    close_output_at_end(stream);
    if (outputs_[stream].pipe) complete_ = false;
    close_output(stream);
  }
  finish_if_drained();
}

void job::finish_if_drained() {
  if (state_ == job_state::connected) return hang_up();
  if (state_ != job_state::draining || outputs_[0].pipe || outputs_[1].pipe) return;
  loop_.disarm(patience_);
  loop_.disarm(fold_due_);
  state_ = job_state::ended;
  owner_.on_job_ended(*this);
}

void job::arm_limit() {
  time_point due = time_point::max();
  if (plan_.run_limit > milliseconds::zero()) due = started_ + plan_.run_limit;
  if (plan_.idle_limit > milliseconds::zero()) due = std::min(due, last_output_ + plan_.idle_limit);
  if (due != time_point::max()) loop_.arm(limit_, due);
}

void job::on_limit() {
  if (state_ != job_state::running && state_ != job_state::ending) return;
  bool too_long =
      plan_.run_limit > milliseconds::zero() && loop_.now() >= started_ + plan_.run_limit;
  bool idle =
      plan_.idle_limit > milliseconds::zero() && loop_.now() >= last_output_ + plan_.idle_limit;
  if (too_long || idle)
    cancel(too_long ? job_cause::run_limit : job_cause::idle_limit, plan_.grace);
  else
    arm_limit();
}

std::chrono::microseconds job::elapsed() const noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(ended_ - started_);
}

}  // namespace execo::agent
