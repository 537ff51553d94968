#include "agent/branch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

#include "agent/connector.hpp"
#include "agent/start.hpp"
#include "base/hex.hpp"

namespace execo::agent {
namespace {

using detail::host_failure;

// The last lines of a connector's standard error explain its end.
constexpr std::size_t errors_kept = 1000;
constexpr milliseconds default_timeout{60'000};
// An agent ends its commands and its own children before it goes.
constexpr milliseconds end_grace{3000};

std::optional<detail::bytes16> random_bytes() {
  detail::bytes16 bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return std::nullopt;
  return bytes;
}

// sh in place of ssh: this program is there already, whether its file still is or not.
child_plan local_plan(const detail::work_item& host, const detail::bytes16& nonce) {
  child_plan plan;
  plan.program = "/proc/self/exe";
  plan.words.emplace_back("execo-agent");
  plan.environment.push_back(std::string(nonce_variable) + "=" + detail::hex_of(nonce));
  plan.environment.push_back("EXECO_HOST=" + host.name);
  return plan;
}

std::optional<child_plan> plan_to(const detail::connector_message& connector,
                                  const detail::work_item& host, std::string& problem) {
  std::optional<std::vector<std::string>> words = words_to(connector, host, problem);
  if (!words) return std::nullopt;
  child_plan plan;
  plan.words = std::move(*words);
  plan.words.push_back(detail::stage1_command());
  plan.program = plan.words.front();
  return plan;
}

}  // namespace

branch::branch(reactor& on, branch_owner& owner, std::uint32_t number, detail::work_item host)
    : loop_(on),
      owner_(owner),
      number_(number),
      host_(std::move(host)),
      errors_seen_(delegate<std::uint32_t>::to<&branch::on_errors>(this)),
      patience_(delegate<>::to<&branch::on_patience>(this)) {}

branch::~branch() {
  talk_.reset();
  line_.reset();
  close_errors();
  loop_.disarm(patience_);
}

bool branch::start(const detail::connector_message& connector,
                   const detail::welcome_message& welcome, const surroundings& around) {
  assert(state_ == branch_state::idle);
  state_ = branch_state::gone;
  started_ = clock::now();
  welcome_ = welcome;
  std::optional<detail::bytes16> nonce = random_bytes();
  std::optional<detail::bytes16> folder = random_bytes();
  if (!nonce || !folder) {
    note_failure(host_failure::no_resource, "the kernel gives no random bytes");
    return false;
  }
  nonce_ = *nonce;
  std::string problem;
  std::optional<child_plan> plan =
      connector.local ? local_plan(host_, nonce_) : plan_to(connector, host_, problem);
  if (!plan) {
    note_failure(host_failure::connect, problem);
    return false;
  }
  plan->around = &around;
  if (!launch(std::move(*plan))) return false;
  milliseconds timeout(connector.timeout_ms);
  loop_.arm(patience_, clock::now() + (timeout.count() > 0 ? timeout : default_timeout));
  state_ = branch_state::starting;
  bootstrap_owner& self = *this;
  if (connector.local)
    open_line();
  else
    talk_ = std::make_unique<bootstrap_talk>(loop_, self, socket_.get(), detail::hex_of(nonce_),
                                             detail::hex_of(*folder));
  return true;
}

void branch::open_line() {
  state_ = branch_state::greeting;
  detail::link_limits unlimited;  // what comes is bounded by the credit that is granted for it
  unlimited.data = unlimited.control = SIZE_MAX;
  line_owner& self = *this;
  line_ = std::make_unique<class line>(
      loop_, self, detail::link::to_child(nonce_, welcome_, loop_.now(), unlimited), socket_.get(),
      socket_.get());
}

void branch::on_agent_started(std::string_view rest) {
  if (state_ != branch_state::starting) return;
  open_line();
  line_->take(rest);
}

void branch::on_no_agent(const std::string& why) {
  if (state_ != branch_state::starting) return;
  note_failure(host_failure::no_agent, why);
  owner_.on_branch_failed(*this);
}

bool branch::launch(child_plan plan) {
  std::array<int, 2> pair{-1, -1};
  std::array<int, 2> pipe{-1, -1};
  bool made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0;
  int error = errno;
  socket_.reset(pair[0]);
  unique_fd theirs(pair[1]);
  if (made && ::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    made = false;
    error = errno;
  }
  errors_.reset(pipe[0]);
  unique_fd their_errors(pipe[1]);
  const char* step = "socketpair";
  if (made) {
    plan.in = plan.out = theirs.get();
    plan.err = their_errors.get();
    started_child child = start_child(plan);
    pid_ = child.pid;
    step = child.step;
    error = child.error;
  }
  if (pid_ > 0) {
    (void)loop_.look(errors_seen_, errors_.get(), EPOLLIN);
    return true;
  }
  note_failure(host_failure::no_resource, std::string(step) + ": " + words_of_error(error));
  return false;
}

std::chrono::microseconds branch::connect_time() const noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(opened_ - started_);
}

detail::index_ranges branch::served() const {
  return line_ ? line_->link().served() : detail::index_ranges();
}

void branch::opened() {
  assert(state_ == branch_state::greeting);
  state_ = branch_state::up;
  opened_ = clock::now();
  loop_.disarm(patience_);
}

// -- what the connector says
// -----------------------------------------------------------------------

void branch::on_errors(std::uint32_t) {
  std::array<char, 4096> buffer;
  ssize_t got = ::read(errors_.get(), buffer.data(), buffer.size());
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return close_errors();
  if (got < 0) return;
  last_errors_.append(buffer.data(), static_cast<std::size_t>(got));
  if (last_errors_.size() > errors_kept) last_errors_.erase(0, last_errors_.size() - errors_kept);
}

void branch::close_errors() {
  if (!errors_) return;
  loop_.forget(errors_seen_);
  errors_.reset();
}

void branch::note_failure(host_failure why, std::string text) {
  if (failure_ != host_failure::none) return;
  failure_ = why;
  failure_text_ = std::move(text);
}

std::string branch::failure_text() const {
  std::string_view said = last_errors_;
  while (said.ends_with('\n') || said.ends_with('\r')) said.remove_suffix(1);
  said = said.substr(said.rfind('\n') + 1);
  if (said.empty()) return failure_text_;
  return failure_text_ + ": " + std::string(said);
}

// -- the end
// ---------------------------------------------------------------------------------------

void branch::end() {
  if (!has_started()) return;
  state_ = branch_state::ending;
  cut();
  socket_.reset();
  (void)::kill(-pid_, SIGTERM);
  loop_.arm(patience_, loop_.now() + end_grace);
}

// They may be in use by who has called this.
void branch::cut() noexcept {
  if (talk_) talk_->cut();
  if (line_) line_->cut();
}

void branch::kill() noexcept {
  if (pid_ > 0) (void)::kill(-pid_, SIGKILL);
}

void branch::on_patience() {
  if (state_ == branch_state::ending) return kill();
  if (state_ != branch_state::starting && state_ != branch_state::greeting) return;
  note_failure(host_failure::timeout, "no agent has answered in time");
  owner_.on_branch_failed(*this);
}

void branch::on_exit(int status) {
  // What is left of a connector goes with it.
  (void)::kill(-pid_, SIGKILL);
  if (errors_) on_errors(0);
  // Its last words may still be unread, and tell more than its end does.
  if (state_ == branch_state::starting && talk_) talk_->drain();
  if (line() != nullptr) line_->drain();
  if (line() != nullptr && line_->link().is_over()) owner_.on_branch_over(*this);
  pid_ = -1;
  const bool was_greeting = state_ == branch_state::starting || state_ == branch_state::greeting;
  const bool was_up = state_ == branch_state::up;
  state_ = branch_state::gone;
  cut();
  loop_.disarm(patience_);
  std::string how = WIFSIGNALED(status)
                        ? "the connector was ended by signal " + std::to_string(WTERMSIG(status))
                        : "the connector exited " + std::to_string(WEXITSTATUS(status));
  if (was_greeting) note_failure(host_failure::connect, how);
  if (was_up) note_failure(host_failure::lost, how);
  if (was_greeting || was_up) owner_.on_branch_failed(*this);
  owner_.on_branch_gone(*this);
}

}  // namespace execo::agent
