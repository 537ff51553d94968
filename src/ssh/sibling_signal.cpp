#include "ssh/sibling_signal.hpp"

#include <signal.h>

#include <string_view>
#include <utility>

namespace execo::detail {
namespace {

std::string_view server_of(const remote_session& session) {
  const char* banner = ssh_get_serverbanner(session.handle());
  return banner != nullptr ? banner : "";
}

bool is_openssh(const remote_session& session) {
  return server_of(session).find("OpenSSH") != std::string_view::npos;
}

}  // namespace

// One line without single quotes or exclamation marks: any login shell, csh included, hands it to
// /bin/sh as it is, and `exec` leaves the process that sshd made, so that PPID is sshd's. Each
// command of sshd leads a session, so its number is its group's. Nothing is signalled unless the
// parent is an ssh server's process, which serves this connection only.
std::string sibling_signal_script(int number, delivery before) {
  std::string n = std::to_string(number);
  // sshd may have delivered it, but not to a session of root's. A command that lives on and handles
  // or ignores it is then not told twice.
  std::string told =
      "u=$(id -u); [ \"$u\" = 0 ] || { while read -r a b; do case $a in SigIgn:|SigCgt:) "
      "[ $((0x$b >> (" +
      n + " - 1) & 1)) = 1 ] && h=1;; esac; done < /proc/$q/status; } 2>/dev/null; ";
  if (before == delivery::none || number == SIGKILL) told.clear();
  return "exec /bin/sh -c '"
         "p=$PPID; c=; { read -r c < /proc/$p/comm; } 2>/dev/null || c=$(ps -o comm= -p $p); "
         "case $c in sshd*|dropbear*|*/sshd*|*/dropbear*) ;; *) exit 3;; esac; "
         "k=; { read -r k < /proc/$p/task/$p/children; } 2>/dev/null; "
         "[ \"$k\" ] || k=$(ps -A -o pid= -o ppid= | "
         "while read -r a b; do [ \"$b\" = $p ] && echo $a; done); "
         "for q in $k; do [ $q = $$ ] && continue; h=0; " +
         told + "[ $h = 1 ] || kill -s " + n + " -- -$q; done'";
}

sibling_signal::sibling_signal(remote_session& session)
    : session_(session), delay_(callback<>::to<&sibling_signal::go>(this), "delay of a signal") {}

bool sibling_signal::possible(const remote_session& session) {
  return is_openssh(session) || server_of(session).find("dropbear") != std::string_view::npos;
}

bool sibling_signal::needed(const remote_session& session) {
  return session.user() == "root" && is_openssh(session);
}

void sibling_signal::send(int number, delivery before, clock::duration delay) {
  wanted_ = number;
  before_ = before;
  session_.shared().home.arm_after(delay_, delay);
}

void sibling_signal::cancel() noexcept {
  wanted_ = 0;
  session_.shared().home.disarm(delay_);
}

void sibling_signal::go() {
  if (running_ || wanted_ == 0 || session_.handle() == nullptr) return;
  channel_owner& self = *this;
  channel_ = std::make_unique<remote_channel>(session_, self);
  running_ = true;
  channel_->open(sibling_signal_script(std::exchange(wanted_, 0), before_));
  channel_->close_input();
}

void sibling_signal::channel_closed() {
  running_ = false;
  if (wanted_ != 0) session_.shared().home.arm_after(delay_, clock::duration(0));
}

// MaxSessions may be 1: then there is no second channel, and KILL is no better off.
void sibling_signal::channel_refused(std::string) { running_ = false; }

}  // namespace execo::detail
