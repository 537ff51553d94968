// What an agent hears of its children and of the commands here, and what of that goes up.
#include <algorithm>
#include <optional>
#include <utility>

#include "agent/node.hpp"
#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

using detail::command_end;
using detail::fold_result;
using detail::frame_type;
using detail::host_failure;
using detail::index_ranges;
using detail::tree_host_state;

}  // namespace

// -- what children say ----------------------------------------------------------------------------

void node::on_child_frame(branch& from, const detail::frame& what) {
  if (hear(from, what) || from.line() == nullptr) return;
  from.line()->link().refuse(detail::wire_fault::refused, detail::name_of(what.type));
}

void node::pass_up(const detail::frame& what) {
  if (has_parent()) (void)up_.forward(what);
}

// A child says nothing of a run that has ended there or was never ordered.
template <class Message>
bool node::pass_up_as(const branch& from, const detail::frame& what) {
  std::optional<Message> message = Message::decode(what);
  if (!message) return false;
  if constexpr (requires { message->hosts.single(); }) {
    if (!is_run_of(from, message->run, message->hosts)) return false;
  } else {
    if (!book_.is_open(message->run, index_ranges(message->host))) return false;
  }
  pass_up(what);
  return true;
}

bool node::hear(branch& from, const detail::frame& what) {
  switch (what.type) {
    case frame_type::started:
      return hear_started(from, what);
    case frame_type::output:
      return pass_up_as<detail::output_message>(from, what);
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
    case frame_type::answers:
      return hear_answers(from, what);
    case frame_type::credit: {
      auto credit = detail::credit_message::decode(what);
      if (!credit || !children_.may_tell(from, index_ranges(credit->host))) return false;
      pass_up(what);
      return true;
    }
    case frame_type::file_want: {
      auto want = detail::file_want_message::decode(what);
      if (want) files_.want(from.number(), *want);
      return want.has_value();
    }
    case frame_type::say:
    case frame_type::contribute:
    case frame_type::consumed:
      return hear_of_talk(from, what);
    case frame_type::steal: {
      auto steal = detail::steal_message::decode(what);
      if (steal) children_.ask(from, steal->hosts);
      return steal.has_value();
    }
    default:
      return false;
  }
}

bool node::is_run_of(const branch& from, std::uint32_t run, const index_ranges& hosts) const {
  return book_.is_open(run, hosts) && children_.may_tell(from, hosts);
}

bool node::hear_started(const branch& from, const detail::frame& what) {
  std::optional<detail::started_message> message = detail::started_message::decode(what);
  if (!message || !is_run_of(from, message->run, message->hosts)) return false;
  tell(*message);
  return true;
}

bool node::hear_folded(const branch& from, const detail::frame& what) {
  std::optional<detail::folded_message> message = detail::folded_message::decode(what);
  if (!message || !is_run_of(from, message->run, message->hosts)) return false;
  if (!book_.folds(message->run)) return false;
  const fold_result result = fold(*message);
  if (result == fold_result::apart || result == fold_result::unknown) pass_up(what);
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
  if (message->state == tree_host_state::failed) lose_answers(message->hosts);
  pass_up(what);
  return true;
}

// Only for what is to be reached that way; one that has failed meanwhile needs no answer.
bool node::hear_ask(branch& from, const detail::frame& what) {
  std::optional<detail::sign_ask_message> message = detail::sign_ask_message::decode(what);
  if (!message) return false;
  if (children_.way_of(message->target) == from.number()) pass_up(what);
  return true;
}

bool node::hear_returned(branch& from, const detail::frame& what) {
  std::optional<detail::returned_message> message = detail::returned_message::decode(what);
  if (!message || !children_.take_returned(from, message->hosts)) return false;
  for (const auto& [run, hosts] : book_.open_on(message->hosts))
    report_ended(run, hosts, command_end::not_started, "its host was given to another agent");
  return true;
}

// -- what becomes of hosts ------------------------------------------------------------------------

detail::host_state_message node::state_of(const index_ranges& hosts, tree_host_state state) const {
  detail::host_state_message message;
  message.hosts = hosts;
  message.state = state;
  message.parent = index_;
  message.depth = static_cast<std::uint8_t>(up_.link().welcome().depth + 1);
  return message;
}

void node::report_state(detail::host_state_message what) {
  const index_ranges hosts = std::exchange(what.hosts, index_ranges());
  for_pieces(what, hosts, [&](const auto& piece) { send_to_parent(piece); });
}

void node::on_connecting(const index_ranges& hosts) {
  report_state(state_of(hosts, tree_host_state::connecting));
}

void node::on_child_up(branch& which) {
  detail::host_state_message message =
      state_of(index_ranges(which.host().index), tree_host_state::up);
  message.connect_ms = static_cast<std::uint32_t>(which.connect_time().count() / 1000);
  report_state(std::move(message));
}

// Orders follow the hosts that they are for.
void node::on_way(branch& to, const index_ranges& hosts) {
  waiting_.release(hosts, [&](const auto& part) { (void)to.line()->send(part); });
}

void node::on_hosts_lost(const index_ranges& hosts, const index_ranges& silent, host_failure why,
                         const std::string& text) {
  waiting_.drop(hosts, [&](std::uint32_t run, const index_ranges& never) {
    report_ended(run, never, command_end::not_started, text);
  });
  end_runs(hosts | silent, text);
  lose_answers(hosts);
  detail::host_state_message message = state_of(hosts, tree_host_state::failed);
  message.why = why;
  message.text = text.substr(0, detail::reason_limit);
  report_state(std::move(message));
}

void node::on_hosts_back(const index_ranges& hosts, const std::string& text) {
  end_runs(hosts, text);
}

void node::on_ask(detail::sign_ask_message what) {
  what.hosts = index_ranges(index_);
  send_to_parent(what);
}

void node::on_hosts_wanted(const detail::steal_message& what) { send_to_parent(what); }

void node::end_runs(const index_ranges& hosts, std::string_view why) {
  for (auto& [run, open] : book_.open_on(hosts)) report_ended(run, open, command_end::lost, why);
}

// -- ends and folded output -----------------------------------------------------------------------

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

void node::tell(const detail::started_message& what) {
  if (!book_.folds(what.run)) return send_to_parent(what);
  starts_.add(what);
  if (!fold_due_.armed()) loop_.arm(fold_due_, loop_.now() + folds_.hold());
}

void node::tell(detail::folded_message what) {
  what.digest = detail::fold_table::digest_of(what.bytes);
  if (fold(what) != fold_result::taken) send_to_parent(what);
}

void node::tell(const detail::ended_message& what) { (void)close_runs(what); }

void node::report_ended(std::uint32_t run, index_ranges hosts, command_end how,
                        std::string_view text) {
  while (!hosts.empty()) {
    detail::ended_message end;
    end.run = run;
    end.hosts = hosts.take_front(detail::measured_hosts_limit);
    end.how = how;
    end.text = text.substr(0, detail::reason_limit);
    end.measures.resize(end.hosts.count());
    // One that was refused was never open.
    if (!close_runs(end)) send_to_parent(end);
  }
}

// False if one of them is not open. What they have given to a reduction goes up before their end,
// and the others may have waited for them alone.
bool node::close_run(std::uint32_t run, const index_ranges& hosts, bool& over) {
  const std::uint32_t talk = book_.talk_of(run);
  if (!book_.close(run, hosts, over)) return false;
  if (talk != 0 && (reductions_.drop(talk, hosts) || reductions_.is_due(talk, book_.open_in(talk))))
    send_contributions(talk);
  return true;
}

bool node::close_runs(const detail::ended_message& what) {
  const bool folds = book_.folds(what.run);
  bool over = false;
  if (!close_run(what.run, what.hosts, over)) return false;
  starts_.drop(what.run, what.hosts);
  if (!folds || fold(what) != fold_result::taken) send_to_parent(what);
  if (!folds || !over) return true;
  flush_folds();
  folds_.forget(what.run);
  return true;
}

void node::flush_folds() {
  loop_.disarm(fold_due_);
  starts_.flush([this](const auto& message) { send_to_parent(message); });
  folds_.flush([this](const auto& message) { send_to_parent(message); });
}

}  // namespace execo::agent
