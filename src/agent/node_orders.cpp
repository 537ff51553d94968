// What the parent of an agent orders.
#include <optional>

#include "agent/node.hpp"

namespace execo::agent {
namespace {

using detail::command_end;
using detail::frame_type;
using detail::index_ranges;

constexpr const char* no_such_host = "there is no such host below this agent";

}  // namespace

template <class Message>
bool node::take_as(const detail::frame& what) {
  std::optional<Message> message = Message::decode(what);
  return message && obey(*message, what);
}

void node::obey(const detail::frame& what) {
  if (!take(what)) up_.link().refuse(detail::wire_fault::bad_body, detail::name_of(what.type));
}

bool node::take(const detail::frame& what) {
  switch (what.type) {
    case frame_type::connector:
      return take_as<detail::connector_message>(what);
    case frame_type::image:
      return take_as<detail::image_message>(what);
    case frame_type::work:
      return take_as<detail::work_message>(what);
    case frame_type::revoke:
      return take_as<detail::revoke_message>(what);
    case frame_type::sign_answer:
      return take_as<detail::sign_answer_message>(what);
    case frame_type::certificate:
      return take_as<detail::certificate_message>(what);
    case frame_type::execute:
      return take_as<detail::execute_message>(what);
    case frame_type::part:
      return take_as<detail::part_message>(what);
    case frame_type::input:
      return take_as<detail::input_message>(what);
    case frame_type::credit:
      return take_as<detail::credit_message>(what);
    case frame_type::signal:
      return take_as<detail::signal_message>(what);
    case frame_type::cancel:
      return take_as<detail::cancel_message>(what);
    case frame_type::wave:
      return take_as<detail::wave_message>(what);
    case frame_type::deliver:
    case frame_type::accepted:
    case frame_type::gathered:
      return obey_of_talk(what);
    default:
      return take_of_content(what);
  }
}

bool node::take_of_content(const detail::frame& what) {
  switch (what.type) {
    case frame_type::file_order:
      return take_as<detail::file_order_message>(what);
    case frame_type::file_part:
      return take_as<detail::file_part_message>(what);
    case frame_type::file_end:
      return take_as<detail::file_end_message>(what);
    case frame_type::file_none:
      return take_as<detail::file_none_message>(what);
    case frame_type::file_forget:
      return take_as<detail::file_forget_message>(what);
    // All others are the link's own.
    default:
      return true;
  }
}

// To those of its hosts that lie behind children.
template <class Message>
void node::send_down(const Message& what) {
  Message passed = what;
  for (const detail::route_table::part& part : children_.ways_of(what.hosts)) {
    line* way = children_.line_of(part.link);
    if (way == nullptr) continue;
    for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
  }
}

// The frame as it came, to a host behind a child.
void node::pass_on(const detail::frame& what, std::uint32_t host) {
  if (line* way = children_.line_of(children_.way_of(host))) (void)way->forward(what);
}

// -- hosts ----------------------------------------------------------------------------------------

bool node::obey(const detail::connector_message& what, const detail::frame&) {
  children_.take_connector(what);
  return true;
}

bool node::obey(const detail::image_message& what, const detail::frame&) {
  return children_.take_program(what);
}

bool node::obey(const detail::work_message& what, const detail::frame&) {
  return children_.add(what);
}

bool node::obey(const detail::revoke_message& what, const detail::frame&) {
  index_ranges free = children_.withdraw(what.hosts);
  if (free.empty()) return true;
  waiting_.drop(free, [](std::uint32_t, const auto&) {});
  bool over = false;
  for (const auto& [run, hosts] : book_.open_on(free)) (void)close_run(run, hosts, over);
  detail::returned_message returned;
  for_pieces(returned, free, [&](const auto& piece) { send_to_parent(piece); });
  return true;
}

bool node::obey(const detail::sign_answer_message& what, const detail::frame& as) {
  const std::uint32_t host = what.hosts.front();
  host == index_ ? children_.answer(what) : pass_on(as, host);
  return true;
}

bool node::obey(const detail::certificate_message& what, const detail::frame&) {
  children_.take_certificate(what);
  return true;
}

// -- commands -------------------------------------------------------------------------------------

bool node::obey(const detail::execute_message& what, const detail::frame&) {
  const bool folds = what.has(detail::execute_flag::fold);
  index_ranges known = what.hosts;
  std::vector<detail::route_table::part> parts = children_.ways_of(what.hosts);
  const bool is_for_self = what.hosts.contains(index_);
  for (const detail::route_table::part& part : parts) {
    if (part.link != children::nowhere) continue;
    index_ranges others = part.hosts;
    others.erase(index_);
    known -= others;
    if (!others.empty()) report_ended(what.run, others, command_end::not_started, no_such_host);
  }
  if (known.empty()) return true;
  book_.open(what.run, known, folds, what.talk);
  if (folds) folds_.expect(what.run, known);
  detail::execute_message passed = what;
  for (const detail::route_table::part& part : parts) {
    if (part.link == children::nowhere) continue;
    if (part.link == children::not_up) {
      passed.hosts = part.hosts;
      waiting_.add(passed);
    } else if (line* way = children_.line_of(part.link)) {
      for_pieces(passed, part.hosts, [&](const auto& piece) { (void)way->send(piece); });
      // To start a command takes longer than to pass its order on.
      if (is_for_self) way->flush();
    }
  }
  if (is_for_self) commands_.execute(what);
  return true;
}

// Of hosts that are not up it waits with the front of its order.
bool node::obey(const detail::part_message& what, const detail::frame&) {
  if (!waiting_.append(what)) return false;
  send_down(what);
  return !what.hosts.contains(index_) || commands_.add_part(what);
}

// Input comes once a command has started: for a host that is not up there is none.
bool node::obey(const detail::input_message& what, const detail::frame&) {
  send_down(what);
  return !what.hosts.contains(index_) || commands_.input(what);
}

bool node::obey(const detail::credit_message& what, const detail::frame& as) {
  if (what.host == index_) return commands_.credit(what);
  pass_on(as, what.host);
  return true;
}

bool node::obey(const detail::signal_message& what, const detail::frame&) {
  send_down(what);
  if (what.hosts.contains(index_)) commands_.signal(what.run, what.number);
  return true;
}

// An order that still waits here never leaves.
bool node::obey(const detail::cancel_message& what, const detail::frame&) {
  index_ranges dropped = waiting_.drop_of(what.run, what.hosts);
  if (!dropped.empty()) report_ended(what.run, dropped, command_end::cancelled, "");
  send_down(what);
  if (!what.hosts.contains(index_)) return true;
  commands_.cancel(what.run);
  files_.cancel(what.run);
  return true;
}

// -- files ----------------------------------------------------------------------------------------

// The hosts are up, or were: for one that is no more the content comes in another way.
bool node::obey(const detail::file_order_message& what, const detail::frame&) {
  book_.open(what.run, what.hosts, false);
  detail::file_order_message passed = what;
  for (const detail::route_table::part& part : children_.ways_of(what.hosts)) {
    index_ranges others = part.hosts;
    others.erase(index_);
    if (others.empty()) continue;
    if (line* way = children_.line_of(part.link)) {
      files_.expect(part.link, what.content);
      for_pieces(passed, others, [&](const auto& piece) { (void)way->send(piece); });
    } else {
      report_ended(what.run, others, command_end::lost, no_such_host);
    }
  }
  if (what.hosts.contains(index_)) files_.write(what);
  return true;
}

bool node::obey(const detail::file_part_message& what, const detail::frame&) {
  return files_.take(what);
}

bool node::obey(const detail::file_end_message& what, const detail::frame&) {
  return files_.take(what);
}

bool node::obey(const detail::file_none_message& what, const detail::frame&) {
  files_.take(what);
  return true;
}

bool node::obey(const detail::file_forget_message& what, const detail::frame&) {
  files_.forget(what.content);
  (void)children_.send_to_all(what);
  return true;
}

}  // namespace execo::agent
