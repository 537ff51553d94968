#include "agent/node.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/facts.hpp"

namespace execo::agent {
namespace {

using detail::frame_type;

// A parent that says nothing has started something else than an agent.
constexpr milliseconds greeting_limit{60'000};
// For commands, when everything is being ended; children have the same and end beside them.
constexpr milliseconds end_grace{2000};
// For the next agent of this host to ask for what this one has of files.
constexpr milliseconds offer_limit{10'000};
// For what KILL has not ended, and for a parent that does not read.
constexpr milliseconds end_limit{10'000};
// What waits for the parent: commands and children go on below it.
constexpr std::size_t output_room = 256 * 1024;
constexpr std::size_t up_room = 1024 * 1024;
constexpr std::size_t down_room = 4 * 1024 * 1024;

detail::link_limits bounded_by_credit() {
  detail::link_limits limits;
  limits.data = limits.control = SIZE_MAX;
  return limits;
}

int wait_status(const siginfo_t& ended) {
  if (ended.si_code == CLD_EXITED) return (ended.si_status & 0xff) << 8;
  return ended.si_status | (ended.si_code == CLD_DUMPED ? 0x80 : 0);
}

}  // namespace

node::node(reactor& on, const detail::bytes16& nonce, const surroundings& around, int in, int out)
    : loop_(on),
      up_(on, static_cast<line_owner&>(*this),
          detail::link::to_parent(describe_self(nonce), on.now(), bounded_by_credit()), in, out),
      talks_(on, static_cast<talks_owner&>(*this)),
      commands_(on, static_cast<commands_owner&>(*this), around, talks_, ::getppid()),
      children_(on, static_cast<children_owner&>(*this), around),
      files_(on, static_cast<file_relay_owner&>(*this), around.mask()),
      signals_(on, delegate<bool>::to<&node::on_signals>(this)),
      patience_(delegate<>::to<&node::on_patience>(this)),
      fold_due_(delegate<>::to<&node::on_fold_due>(this)),
      wave_due_(delegate<>::to<&node::on_wave_due>(this)) {}

void node::run() {
  loop_.arm(patience_, loop_.now() + greeting_limit);
  after_turn();
  loop_.run(delegate<>::to<&node::after_turn>(this));
}

// -- the parent -----------------------------------------------------------------------------------

bool node::has_parent() const noexcept {
  return state_ == node_state::serving || (state_ == node_state::ending && !up_.is_over());
}

void node::on_frame(line&, const detail::frame& what) {
  if (what.type == detail::frame_type::welcome) return on_welcome();
  if (what.type == detail::frame_type::goodbye) return end(end_grace, detail::goodbye_reason::done);
  if (state_ == node_state::serving) obey(what);
}

void node::on_welcome() {
  const detail::welcome_message& self = up_.link().welcome();
  state_ = node_state::serving;
  index_ = self.index;
  loop_.disarm(patience_);
  folds_.set_hold(milliseconds(self.grooming_ms));
  commands_.introduce(self);
  talks_.introduce(self.index);
  files_.introduce(self);
  children_.introduce(self);
}

void node::on_over(line&) {
  if (state_ == node_state::greeting) {
    state_ = node_state::over;
  } else if (state_ == node_state::serving) {
    state_ = node_state::orphaned;
    files_.offer_parts();
    files_.abandon();
    milliseconds grace(up_.link().welcome().orphan_grace_ms);
    if (commands_.idle()) grace = std::min(grace, offer_limit);
    loop_.arm(patience_, loop_.now() + grace);
  }
}

// -- signals and processes ------------------------------------------------------------------------

void node::on_signals(bool asked_to_end) {
  reap();
  if (asked_to_end) end(end_grace, detail::goodbye_reason::unreachable);
}

// A process is looked at while it still has its number, so that what is left of it can be found.
void node::reap() {
  for (;;) {
    siginfo_t ended{};
    rusage used{};
    constexpr int how = WEXITED | WNOHANG | WNOWAIT;
    if (::syscall(SYS_waitid, P_ALL, 0, &ended, how, &used) != 0 || ended.si_pid == 0) break;
    const int status = wait_status(ended);
    if (!commands_.on_zombie(ended.si_pid, status, used))
      (void)children_.on_zombie(ended.si_pid, status);
    (void)::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
  commands_.sweep();
}

// -- flow and end ---------------------------------------------------------------------------------

bool node::has_room_for_output() const noexcept {
  const bool has_room = has_parent() && up_.link().data_backlog() < output_room;
  output_waits_ |= !has_room;
  return has_room;
}

void node::end(milliseconds grace, detail::goodbye_reason why) {
  if (state_ == node_state::greeting) {
    state_ = node_state::over;
    return;
  }
  if (state_ != node_state::serving && state_ != node_state::orphaned) return;
  state_ = node_state::ending;
  loop_.arm(patience_, loop_.now() + end_limit);
  children_.leave(why);
  files_.abandon();
  commands_.cancel_all(grace);
}

void node::on_patience() {
  switch (state_) {
    case node_state::orphaned:
      return end(milliseconds::zero(), detail::goodbye_reason::unreachable);
    case node_state::ending:
      // What is left is killed by the keeper.
      children_.kill_all();
      break;
    default:
      break;
  }
  state_ = node_state::over;
}

void node::look_for_end() {
  // Nobody is there to be told of anything else.
  if (state_ == node_state::orphaned && commands_.idle() && book_.empty() && !files_.has_offers())
    end(milliseconds::zero(), detail::goodbye_reason::unreachable);
  if (state_ == node_state::ending && commands_.idle() && children_.idle()) {
    flush_folds();
    if (!up_.is_over()) say_goodbye();
    state_ = node_state::leaving;
  }
  if (state_ == node_state::leaving && up_.drained()) state_ = node_state::over;
}

void node::say_goodbye() {
  detail::goodbye_message said;
  said.used = own_usage();
  said.used += children_.used();
  up_.leave(std::move(said));
}

void node::grant(line& to) {
  const bool has_room =
      &to == &up_ ? children_.has_room(down_room)
                  : up_.link().data_backlog() < up_room && up_.link().control_backlog() < up_room;
  if (has_room || to.is_over())
    to.link().grant();
  else if (std::ranges::find(stalled_, &to) == stalled_.end())
    stalled_.push_back(&to);
}

void node::settle_flow() {
  for (line* one : std::exchange(stalled_, {})) {
    grant(*one);
    if (stalled_.empty() || stalled_.back() != one) one->grant();
  }
  files_.serve();
  if (!output_waits_ || !has_room_for_output()) return;
  output_waits_ = false;
  commands_.resume_all();
}

void node::flush_touched() {
  while (!touched_.empty()) {
    flushed_.swap(touched_);
    for (line* one : flushed_) grant(*one);
    for (line* one : flushed_) one->flush();
    flushed_.clear();
  }
}

void node::after_turn() {
  do {
    flush_touched();
    settle_flow();
    // Their lines are used nowhere now.
    if (touched_.empty()) {
      commands_.collect();
      talks_.collect();
      children_.collect();
      look_for_end();
    }
  } while (!touched_.empty());
  if (state_ == node_state::over) loop_.stop();
}

}  // namespace execo::agent
