// Waves: all agents below are asked whether they are there, and their answers go up together.
#include <optional>
#include <utility>

#include "agent/node.hpp"

namespace execo::agent {

bool node::obey(const detail::wave_message& what, const detail::frame&) {
  if (what.number <= wave_.number()) return false;
  wave_.begin(what.number, index_, children_.send_to_all(what));
  if (wave_.is_due())
    report_answers();
  else
    loop_.arm(wave_due_, loop_.now() + milliseconds(what.hold_ms));
  return true;
}

bool node::hear_answers(const branch& from, const detail::frame& what) {
  std::optional<detail::answers_message> message = detail::answers_message::decode(what);
  if (!message || !children_.may_tell(from, message->hosts)) return false;
  if (!wave_.take(from.number(), *message)) return false;
  report_answers();
  return true;
}

// The parent counts a lost host as failed once that was reported: no answer of it may follow.
void node::lose_answers(const detail::index_ranges& hosts) {
  wave_.lose(hosts);
  wave_.forget_if([this](std::uint32_t child) { return children_.line_of(child) == nullptr; });
  report_answers();
}

void node::on_wave_due() {
  wave_.stop_waiting();
  report_answers();
}

void node::report_answers() {
  if (!wave_.is_due()) return;
  loop_.disarm(wave_due_);
  detail::answers_message answers;
  answers.number = wave_.number();
  for_pieces(answers, wave_.take_answers(), [this](const auto& piece) { send_to_parent(piece); });
}

}  // namespace execo::agent
