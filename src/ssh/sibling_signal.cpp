#include "ssh/sibling_signal.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <utility>

namespace execo::detail {
namespace {

// Each step of a stop policy makes one; more do not end a command any better.
constexpr std::ptrdiff_t max_requests = 4;

// Of those that ssh has names for its sshd delivers these (name2sig in session.c); it ignores
// requests for the others.
bool is_known_to_openssh(int number) {
  constexpr std::array known{SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
  return std::ranges::find(known, number) != known.end();
}

}  // namespace

sibling_signal::sibling_signal(session_lease& lease, delegate<> changed)
    : lease_(lease),
      changed_(changed),
      delay_(delegate<>::to<&sibling_signal::go>(this), "delay of a signal") {}

sibling_signal::~sibling_signal() = default;

bool sibling_signal::possible(const remote_session& session) {
  return session.server() != server_software::other;
}

bool sibling_signal::needed(const remote_session& session, int number) {
  server_software server = session.server();
  return server == server_software::dropbear ||
         (server == server_software::openssh &&
          (session.user() == "root" || !is_known_to_openssh(number)));
}

void sibling_signal::send(int number, delivery before, clock::duration delay) {
  wanted_ = number;
  before_ = before;
  session().shared().home.arm_after(delay_, delay);
}

void sibling_signal::cancel() noexcept {
  wanted_ = 0;
  session().shared().home.disarm(delay_);
}

void sibling_signal::leave() noexcept {
  cancel();
  for (signal_request& r : requests_) r.unlink();
}

// One signal at a time, in order.
bool sibling_signal::is_sending() const noexcept {
  return std::ranges::any_of(
      requests_, [](const signal_request& r) { return r.what() == kind::signal && !r.is_over(); });
}

void sibling_signal::go() {
  if (is_sending() || wanted_ == 0 || session().handle() == nullptr) return;
  int number = std::exchange(wanted_, 0);
  lease_.helper().signal(add(kind::signal), number, before_, lease_.mark());
}

void sibling_signal::on_change() {
  changed_();
  if (wanted_ != 0 && !is_sending()) session().shared().home.arm_after(delay_, clock::duration(0));
}

bool sibling_signal::end(int number, clock::duration until_kill) {
  cancel();
  // One that was not heard of yet may turn out to be a forced command: that is not started again.
  auto is_no_use = [](const signal_request& r) {
    script_state s = r.state();
    return r.what() == kind::end && (s < script_state::at_work || s == script_state::refused ||
                                     s == script_state::something_else);
  };
  auto is_under_way = [](const signal_request& r) { return !r.is_over(); };
  if (std::ranges::any_of(requests_, is_no_use) ||
      std::ranges::count_if(requests_, is_under_way) >= max_requests)
    return false;
  lease_.helper().end(add(kind::end), number, until_kill, lease_.mark());
  return true;
}

bool sibling_signal::has_looked() const noexcept {
  return std::ranges::any_of(requests_, [](const signal_request& r) {
    return r.what() == kind::end && r.state() >= script_state::at_work;
  });
}

script_state sibling_signal::state() const noexcept {
  script_state known = script_state::found_nothing;
  script_state in_flight = script_state::waiting;
  bool pending = false;
  for (const signal_request& r : requests_) {
    if (r.what() != kind::end) continue;
    pending = pending || !r.is_over();
    script_state& furthest = r.is_over() ? known : in_flight;
    furthest = std::max(furthest, r.state());
  }
  return pending && known != script_state::gone ? in_flight : known;
}

signal_request& sibling_signal::add(kind what) {
  return requests_.emplace_back(what, delegate<>::to<&sibling_signal::on_change>(this));
}

}  // namespace execo::detail
