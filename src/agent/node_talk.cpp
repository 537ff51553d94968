// Messages between commands on their way through an agent.
#include <utility>

#include "agent/node.hpp"
#include "wire/message_limits.hpp"

namespace execo::agent {

using detail::frame_type;
using detail::index_ranges;

// What is for hosts that are no more is dropped: the root learns of their end. The set is in the
// header or at the front of the body, what is behind it goes on as it came.
bool node::obey_of_talk(const detail::frame& what) {
  detail::wire_reader body(what.body);
  index_ranges hosts;
  if (what.host != detail::no_host)
    hosts = index_ranges(what.host);
  else
    hosts.decode(body);
  if (hosts.empty()) return false;
  if (what.type == frame_type::gathered) (void)reductions_.drop(what.run, hosts);
  for (const detail::route_table::part& part : children_.ways_of(hosts)) {
    line* way = children_.line_of(part.link);
    if (way == nullptr) continue;
    for (const index_ranges& piece : part.hosts.pieces(detail::set_limit)) {
      std::string passed;
      detail::wire_writer into(passed);
      if (!piece.single()) piece.encode(into);
      into.rest(body.left());
      (void)way->forward(
          detail::frame(what.type, what.run, piece.single().value_or(detail::no_host), passed));
    }
  }
  return !hosts.contains(index_) || talks_.take(what);
}

template <class Message>
bool node::pass_talk_up(const branch& from, const detail::frame& what) {
  std::optional<Message> message = Message::decode(what);
  if (!message || !children_.may_tell(from, message->hosts)) return false;
  if (has_parent()) (void)up_.forward(what);
  return true;
}

// One goes up for all below, once each of those that run has given. A parent of an older protocol
// takes texts of one host alone.
bool node::contribute(const detail::contribute_message& what) {
  const index_ranges open = book_.open_in(what.run);
  if (!open.contains(what.hosts) || !reductions_.add(what)) return false;
  constexpr std::uint16_t joins_texts = 3;
  if (up_.link().welcome().protocol < joins_texts || reductions_.is_due(what.run, open))
    send_contributions(what.run);
  return true;
}

void node::send_contributions(std::uint32_t talk) {
  reductions_.flush(talk, [this](const auto& message) { send_to_parent(message); });
}

bool node::hear_of_talk(const branch& from, const detail::frame& what) {
  switch (what.type) {
    case frame_type::say:
      return pass_talk_up<detail::say_message>(from, what);
    case frame_type::contribute: {
      auto given = detail::contribute_message::decode(what);
      return given && children_.may_tell(from, given->hosts) && contribute(*given);
    }
    default:
      return pass_talk_up<detail::consumed_message>(from, what);
  }
}

}  // namespace execo::agent
