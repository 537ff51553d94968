#include "agent/node.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include "agent/descendants.hpp"
#include "agent/facts.hpp"
#include "agent/start.hpp"
#include "wire/message_limits.hpp"
#include "wire/order_parts.hpp"

namespace execo::agent {
namespace {

using detail::command_end;
using detail::fold_result;
using detail::frame_type;
using detail::host_failure;
using detail::index_ranges;
using detail::tree_host_state;
using detail::wire_fault;

// A parent that says nothing has started something else than an agent.
constexpr milliseconds greeting_limit{60'000};
// For commands, when everything is being ended; children have the same and end beside them.
constexpr milliseconds end_grace{2000};
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

template <class Message>
void for_pieces(Message& message, const index_ranges& hosts, auto send) {
  for (index_ranges& piece : hosts.pieces(detail::set_limit)) {
    message.hosts = std::move(piece);
    send(message);
  }
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
      commands_(on, static_cast<commands_owner&>(*this), around),
      children_(on, static_cast<children_owner&>(*this), around),
      files_(on, static_cast<file_relay_owner&>(*this), around.mask()),
      signals_seen_(delegate<std::uint32_t>::to<&node::on_signal>(this)),
      patience_(delegate<>::to<&node::on_patience>(this)),
      fold_due_(delegate<>::to<&node::on_fold_due>(this)) {
  sigset_t heard;
  (void)::sigemptyset(&heard);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}) (void)::sigaddset(&heard, number);
  signals_.reset(::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_ || !loop_.look(signals_seen_, signals_.get(), EPOLLIN))
    give_up("signals cannot be read: no descriptors, or the kernel forbids it");
}

void node::run() {
  loop_.arm(patience_, loop_.now() + greeting_limit);
  after_turn();
  loop_.run(delegate<>::to<&node::after_turn>(this));
}

// -- the parent
// ------------------------------------------------------------------------------------

bool node::has_parent() const noexcept {
  return state_ == node_state::serving || (state_ == node_state::ending && !up_.is_over());
}

template <class Message>
void node::tell_parent(const Message& what) {
  if (has_parent()) (void)up_.send(what);
}

void node::on_frame(line&, const detail::frame& what) {
  if (what.type == frame_type::welcome) return on_welcome();
  if (what.type == frame_type::goodbye) return end(end_grace, detail::goodbye_reason::done);
  if (state_ == node_state::serving) obey(what);
}

void node::on_welcome() {
  const detail::welcome_message& self = up_.link().welcome();
  state_ = node_state::serving;
  index_ = self.index;
  loop_.disarm(patience_);
  commands_.introduce(self.index, self.stream_window);
  files_.introduce(self.index);
  children_.introduce(self);
}

void node::on_over(line&) {
  if (state_ == node_state::greeting) {
    state_ = node_state::over;
  } else if (state_ == node_state::serving) {
    state_ = node_state::orphaned;
    files_.abandon();
    loop_.arm(patience_, loop_.now() + milliseconds(up_.link().welcome().orphan_grace_ms));
  }
}

void node::obey(const detail::frame& what) {
  bool sound = true;
  switch (what.type) {
    case frame_type::connector:
      if (auto connector = detail::connector_message::decode(what))
        children_.take_connector(*connector);
      else
        sound = false;
      break;
    case frame_type::image:
      if (auto part = detail::image_message::decode(what))
        sound = children_.take_program(*part);
      else
        sound = false;
      break;
    case frame_type::work:
      if (auto work = detail::work_message::decode(what))
        sound = children_.add(*work);
      else
        sound = false;
      break;
    case frame_type::revoke:
      sound = take_revoke(what);
      break;
    case frame_type::execute:
      sound = take_order(what);
      break;
    case frame_type::part:
      sound = take_part(what);
      break;
    case frame_type::input:
      sound = take_input(what);
      break;
    case frame_type::credit:
      sound = take_credit(what);
      break;
    case frame_type::sign_answer:
      sound = take_answer(what);
      break;
    case frame_type::signal:
      if (auto message = detail::signal_message::decode(what))
        sound = pass_down(*message);
      else
        sound = false;
      break;
    case frame_type::cancel:
      if (auto message = detail::cancel_message::decode(what))
        sound = pass_down(*message);
      else
        sound = false;
      break;
    case frame_type::file_order:
      sound = take_file_order(what);
      break;
    // No agent is taken up again yet.
    default:
      sound = obey_of_content(what);
      break;
  }
  if (!sound) up_.link().refuse(wire_fault::bad_body, detail::name_of(what.type));
}

bool node::take_order(const detail::frame& what) {
  std::optional<detail::execute_message> message = detail::execute_message::decode(what);
  if (!message) return false;
  order(*message);
  return true;
}

void node::order(const detail::execute_message& what) {
  const bool folds = what.has(detail::execute_flag::fold);
  index_ranges known = what.hosts;
  std::vector<detail::route_table::part> parts = children_.ways_of(what.hosts);
  const bool is_for_self = what.hosts.contains(index_);
  for (const detail::route_table::part& part : parts) {
    if (part.link != children::nowhere) continue;
    index_ranges others = part.hosts;
    others.erase(index_);
    known -= others;
    if (!others.empty()) refuse_order(what, others);
  }
  if (known.empty()) return;
  book_.open(what.run, known, folds);
  if (folds) folds_.expect(what.run, known);
  detail::execute_message passed = what;
  for (const detail::route_table::part& part : parts) {
    if (part.link == children::nowhere) continue;
    if (part.link == children::not_up) {
      passed.hosts = part.hosts;
      waiting_.push_back(passed);
    } else if (line* way = children_.line_of(part.link)) {
      for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
    }
  }
  if (is_for_self) commands_.execute(what);
}

void node::refuse_order(const detail::execute_message& what, const index_ranges& hosts) {
  tell_ended(what.run, hosts, command_end::not_started, "there is no such host below this agent");
}

// Of hosts that are not up it waits with the front of its order.
bool node::take_part(const detail::frame& what) {
  std::optional<detail::part_message> message = detail::part_message::decode(what);
  if (!message) return false;
  for (detail::execute_message& one : waiting_) {
    if (one.run != message->run || (one.hosts & message->hosts).empty()) continue;
    if (!(one.hosts - message->hosts).empty() || !detail::append_part(one, *message)) return false;
  }
  detail::part_message passed = *message;
  for (const detail::route_table::part& part : children_.ways_of(message->hosts)) {
    line* way = children_.line_of(part.link);
    if (way == nullptr) continue;
    for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
  }
  return !message->hosts.contains(index_) || commands_.add_part(*message);
}

// The hosts are up, or were: for one that is no more the content comes in another way.
bool node::take_file_order(const detail::frame& what) {
  std::optional<detail::file_order_message> message = detail::file_order_message::decode(what);
  if (!message) return false;
  book_.open(message->run, message->hosts, false);
  detail::file_order_message passed = *message;
  for (const detail::route_table::part& part : children_.ways_of(message->hosts)) {
    index_ranges others = part.hosts;
    others.erase(index_);
    if (others.empty()) continue;
    if (line* way = children_.line_of(part.link)) {
      files_.expect(part.link, message->content);
      for_pieces(passed, others, [&](const auto& piece) { (void)way->send(piece); });
    } else {
      tell_ended(message->run, others, command_end::lost, "there is no such host below this agent");
    }
  }
  if (message->hosts.contains(index_)) files_.write(*message);
  return true;
}

bool node::obey_of_content(const detail::frame& what) {
  switch (what.type) {
    case frame_type::file_part: {
      auto part = detail::file_part_message::decode(what);
      return part && files_.take(*part);
    }
    case frame_type::file_end: {
      auto end = detail::file_end_message::decode(what);
      return end && files_.take(*end);
    }
    case frame_type::file_none: {
      auto none = detail::file_none_message::decode(what);
      if (none) files_.take(*none);
      return none.has_value();
    }
    case frame_type::file_forget: {
      auto forget = detail::file_forget_message::decode(what);
      if (!forget) return false;
      files_.forget(forget->content);
      children_.tell_all(*forget);
      return true;
    }
    default:
      return true;
  }
}

// Input comes once a command has started: for a host that is not up there is none.
bool node::take_input(const detail::frame& what) {
  std::optional<detail::input_message> message = detail::input_message::decode(what);
  if (!message) return false;
  detail::input_message passed = *message;
  for (const detail::route_table::part& part : children_.ways_of(message->hosts)) {
    line* way = children_.line_of(part.link);
    if (way == nullptr) continue;
    for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
  }
  return !message->hosts.contains(index_) || commands_.input(*message);
}

bool node::take_credit(const detail::frame& what) {
  std::optional<detail::credit_message> message = detail::credit_message::decode(what);
  if (!message) return false;
  if (message->host == index_) return commands_.credit(*message);
  if (line* way = children_.line_of(children_.way_of(message->host))) (void)way->forward(what);
  return true;
}

template <class Message>
bool node::pass_down(const Message& what) {
  Message passed = what;
  for (const detail::route_table::part& part : children_.ways_of(what.hosts)) {
    if (part.link == children::not_up) refuse_waiting(what, part.hosts);
    line* way = children_.line_of(part.link);
    if (way == nullptr) continue;
    for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
  }
  if (what.hosts.contains(index_)) obey_here(what);
  return true;
}

// An order that still waits here never leaves.
void node::refuse_waiting(const detail::cancel_message& what, const index_ranges& hosts) {
  index_ranges dropped;
  for (detail::execute_message& one : waiting_) {
    if (one.run != what.run) continue;
    dropped |= one.hosts & hosts;
    one.hosts -= hosts;
  }
  std::erase_if(waiting_, [](const auto& one) { return one.hosts.empty(); });
  if (!dropped.empty()) tell_ended(what.run, dropped, command_end::cancelled, "");
}

bool node::take_revoke(const detail::frame& what) {
  std::optional<detail::revoke_message> message = detail::revoke_message::decode(what);
  if (!message) return false;
  index_ranges free = children_.withdraw(message->hosts);
  if (free.empty()) return true;
  for (detail::execute_message& one : waiting_) one.hosts -= free;
  std::erase_if(waiting_, [](const auto& one) { return one.hosts.empty(); });
  bool over = false;
  for (const auto& [run, hosts] : book_.open_on(free)) (void)book_.close(run, hosts, over);
  detail::returned_message returned;
  for_pieces(returned, free, [&](const auto& piece) { tell_parent(piece); });
  return true;
}

bool node::take_answer(const detail::frame& what) {
  std::optional<detail::sign_answer_message> message = detail::sign_answer_message::decode(what);
  if (!message) return false;
  if (message->hosts.front() == index_)
    children_.answer(*message);
  else if (line* way = children_.line_of(children_.way_of(message->hosts.front())))
    (void)way->forward(what);
  return true;
}

// -- the children
// ----------------------------------------------------------------------------------

void node::on_child_frame(branch& from, const detail::frame& what) {
  if (hear(from, what) || from.line() == nullptr) return;
  from.line()->link().refuse(wire_fault::refused, detail::name_of(what.type));
}

bool node::hear(branch& from, const detail::frame& what) {
  switch (what.type) {
    case frame_type::started:
      return pass_up<detail::started_message>(from, what);
    case frame_type::output:
      return pass_up<detail::output_message>(from, what);
    case frame_type::folded:
      return hear_folded(from, what);
    case frame_type::ended:
      return hear_ended(from, what);
    case frame_type::host_state:
      return hear_state(from, what);
    case frame_type::returned:
      return hear_returned(from, what);
    case frame_type::sign_ask:
      return hear_ask(from, what);
    case frame_type::credit: {
      auto credit = detail::credit_message::decode(what);
      if (!credit || !children_.may_tell(from, index_ranges(credit->host))) return false;
      if (has_parent()) (void)up_.forward(what);
      return true;
    }
    case frame_type::file_want: {
      auto want = detail::file_want_message::decode(what);
      if (want) files_.want(from.number(), *want);
      return want.has_value();
    }
    case frame_type::steal: {
      auto steal = detail::steal_message::decode(what);
      if (steal) children_.ask(from, steal->hosts);
      return steal.has_value();
    }
    default:
      return false;
  }
}

// A child says nothing of a run that has ended there or was never ordered.
template <class Message>
bool node::pass_up(const branch& from, const detail::frame& what) {
  std::optional<Message> message = Message::decode(what);
  if (!message) return false;
  if constexpr (requires { message->hosts.single(); }) {
    if (!is_run_of(from, message->run, message->hosts)) return false;
  } else {
    if (!book_.is_open(message->run, index_ranges(message->host))) return false;
  }
  if (has_parent()) (void)up_.forward(what);
  return true;
}

bool node::is_run_of(const branch& from, std::uint32_t run, const index_ranges& hosts) const {
  return book_.is_open(run, hosts) && children_.may_tell(from, hosts);
}

bool node::hear_folded(const branch& from, const detail::frame& what) {
  std::optional<detail::folded_message> message = detail::folded_message::decode(what);
  if (!message || !is_run_of(from, message->run, message->hosts)) return false;
  if (!book_.folds(message->run)) return false;
  const fold_result result = fold(*message);
  if (result == fold_result::apart || result == fold_result::unknown) {
    if (has_parent()) (void)up_.forward(what);
  }
  return result != fold_result::forged;
}

bool node::hear_ended(const branch& from, const detail::frame& what) {
  std::optional<detail::ended_message> message = detail::ended_message::decode(what);
  return message && children_.may_tell(from, message->hosts) && close_runs(*message);
}

bool node::hear_state(branch& from, const detail::frame& what) {
  std::optional<detail::host_state_message> message = detail::host_state_message::decode(what);
  if (!message || message->hosts.contains(from.host().index)) return false;
  if (!from.served().contains(message->parent)) return false;
  // The ends of its runs come behind the output that is under way, which this has overtaken.
  if (!children_.take_state(from, message->hosts, message->state)) return false;
  if (has_parent()) (void)up_.forward(what);
  return true;
}

// Only for what is to be reached that way; one that has failed meanwhile needs no answer.
bool node::hear_ask(branch& from, const detail::frame& what) {
  std::optional<detail::sign_ask_message> message = detail::sign_ask_message::decode(what);
  if (!message) return false;
  if (children_.way_of(message->target) == from.number() && has_parent()) (void)up_.forward(what);
  return true;
}

bool node::hear_returned(branch& from, const detail::frame& what) {
  std::optional<detail::returned_message> message = detail::returned_message::decode(what);
  if (!message || !children_.take_returned(from, message->hosts)) return false;
  for (const auto& [run, hosts] : book_.open_on(message->hosts))
    tell_ended(run, hosts, command_end::not_started, "its host was given to another agent");
  return true;
}

detail::host_state_message node::state_of(const index_ranges& hosts, tree_host_state state) const {
  detail::host_state_message message;
  message.hosts = hosts;
  message.state = state;
  message.parent = index_;
  message.depth = static_cast<std::uint8_t>(up_.link().welcome().depth + 1);
  return message;
}

void node::tell_state(detail::host_state_message what) {
  const index_ranges hosts = std::exchange(what.hosts, index_ranges());
  for_pieces(what, hosts, [&](const auto& piece) { tell_parent(piece); });
}

void node::on_connecting(const index_ranges& hosts) {
  tell_state(state_of(hosts, tree_host_state::connecting));
}

void node::on_child_up(branch& which) {
  detail::host_state_message message =
      state_of(index_ranges(which.host().index), tree_host_state::up);
  message.connect_ms = static_cast<std::uint32_t>(which.connect_time().count() / 1000);
  tell_state(std::move(message));
}

// Orders follow the hosts that they are for.
void node::on_way(branch& to, const index_ranges& hosts) {
  for (detail::execute_message& one : waiting_) {
    index_ranges there = one.hosts & hosts;
    if (there.empty()) continue;
    index_ranges left = one.hosts - there;
    for_pieces(one, there, [&](const auto& piece) {
      detail::send_in_parts(piece, [&](const auto& part) { (void)to.line()->send(part); });
    });
    one.hosts = std::move(left);
  }
  std::erase_if(waiting_, [](const auto& one) { return one.hosts.empty(); });
}

void node::on_hosts_lost(const index_ranges& hosts, const index_ranges& silent, host_failure why,
                         const std::string& text) {
  for (detail::execute_message& one : waiting_) {
    index_ranges never = one.hosts & hosts;
    one.hosts -= hosts;
    if (!never.empty()) tell_ended(one.run, never, command_end::not_started, text);
  }
  std::erase_if(waiting_, [](const auto& one) { return one.hosts.empty(); });
  end_runs(hosts | silent, text);
  detail::host_state_message message = state_of(hosts, tree_host_state::failed);
  message.why = why;
  message.text = text.substr(0, detail::reason_limit);
  tell_state(std::move(message));
}

void node::on_hosts_back(const index_ranges& hosts, const std::string& text) {
  end_runs(hosts, text);
}

void node::on_ask(detail::sign_ask_message what) {
  what.hosts = index_ranges(index_);
  tell_parent(what);
}
void node::on_hosts_wanted(const detail::steal_message& what) { tell_parent(what); }

void node::end_runs(const index_ranges& hosts, std::string_view why) {
  for (auto& [run, open] : book_.open_on(hosts)) tell_ended(run, open, command_end::lost, why);
}

void node::tell_ended(std::uint32_t run, index_ranges hosts, command_end how,
                      std::string_view text) {
  while (!hosts.empty()) {
    detail::ended_message end;
    end.run = run;
    end.hosts = hosts.take_front(detail::measured_hosts_limit);
    end.how = how;
    end.text = text.substr(0, detail::reason_limit);
    end.measures.resize(end.hosts.count());
    // One that was refused was never open.
    if (!close_runs(end)) tell_parent(end);
  }
}

// -- the commands here
// -----------------------------------------------------------------------------

bool node::has_room_for_output() const noexcept {
  const bool has_room = has_parent() && up_.link().data_backlog() < output_room;
  output_waits_ |= !has_room;
  return has_room;
}

template <class Message>
fold_result node::fold(const Message& what) {
  fold_result result = folds_.add(what, loop_.now());
  if (result == fold_result::full) {
    flush_folds();
    result = folds_.add(what, loop_.now());
  }
  if (std::optional<time_point> due = folds_.due()) loop_.arm(fold_due_, *due);
  return result;
}

void node::tell(detail::folded_message what) {
  what.digest = detail::fold_table::digest_of(what.bytes);
  if (fold(what) != fold_result::taken) tell_parent(what);
}

void node::tell(const detail::ended_message& what) { (void)close_runs(what); }

// False if one of them is not open.
bool node::close_runs(const detail::ended_message& what) {
  const bool folds = book_.folds(what.run);
  bool over = false;
  if (!book_.close(what.run, what.hosts, over)) return false;
  if (!folds || fold(what) != fold_result::taken) tell_parent(what);
  if (!folds || !over) return true;
  flush_folds();
  folds_.forget(what.run);
  return true;
}

void node::flush_folds() {
  loop_.disarm(fold_due_);
  folds_.flush([this](const auto& message) { tell_parent(message); });
}

// -- signals and processes
// -------------------------------------------------------------------------

void node::on_signal(std::uint32_t) {
  signalfd_siginfo got{};
  bool asked_to_end = false;
  while (::read(signals_.get(), &got, sizeof got) == static_cast<ssize_t>(sizeof got))
    if (got.ssi_signo != SIGCHLD) asked_to_end = true;
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
  sweep();
}

void node::sweep() {
  if (!commands_.has_leftovers()) return;
  bool found = false;
  for (pid_t one : children_of(::getpid())) {
    if (commands_.has_process(one) || children_.has_process(one) || !commands_.is_leftover(one))
      continue;
    kill_tree(one);
    found = true;
  }
  // Their ends are looked at again: they may have forked meanwhile.
  if (!found) commands_.forget_leftovers();
}

// -- flow and end
// ----------------------------------------------------------------------------------

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
  if (state_ == node_state::orphaned && commands_.idle() && book_.empty())
    end(milliseconds::zero(), detail::goodbye_reason::unreachable);
  if (state_ == node_state::ending && commands_.idle() && children_.idle()) {
    flush_folds();
    if (!up_.is_over()) up_.leave(detail::goodbye_reason::done, "");
    state_ = node_state::leaving;
  }
  if (state_ == node_state::leaving && up_.drained()) state_ = node_state::over;
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
    const std::vector<line*> now = std::exchange(touched_, {});
    for (line* one : now) grant(*one);
    for (line* one : now) one->flush();
  }
}

void node::after_turn() {
  do {
    flush_touched();
    settle_flow();
    // Their lines are used nowhere now.
    if (touched_.empty()) {
      commands_.collect();
      children_.collect();
      look_for_end();
    }
  } while (!touched_.empty());
  if (state_ == node_state::over) loop_.stop();
}

}  // namespace execo::agent
