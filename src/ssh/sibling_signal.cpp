#include "ssh/sibling_signal.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace execo::detail {
namespace {

// Servers allow ten channels by default; each step of a stop policy takes one.
constexpr std::size_t max_scripts = 4;
// Of what a script writes; what a shell's start-up files write may come before.
constexpr std::size_t kept_words = 256;

std::string_view server_of(const remote_session& session) {
  const char* banner = ssh_get_serverbanner(session.handle());
  return banner != nullptr ? banner : "";
}

bool is_openssh(const remote_session& session) {
  return server_of(session).find("OpenSSH") != std::string_view::npos;
}

bool is_dropbear(const remote_session& session) {
  return server_of(session).find("dropbear") != std::string_view::npos;
}

// Scripts are one line without single quotes, exclamation marks or double backslashes: any login
// shell, csh and fish included, hands it to /bin/sh as it is, and `exec` leaves the process that
// the server made, so that PPID is the server's. Nothing is signalled unless the parent is an ssh
// server's process, which serves this connection only.
constexpr std::string_view check_parent =
    "p=$PPID; c=; { read -r c < /proc/$p/comm; } 2>/dev/null || c=$(ps -o comm= -p $p); "
    "case $c in sshd*|dropbear*|*/sshd*|*/dropbear*) ;; "
    "*) echo execo-end found_nothing; exit 3;; esac; ";

// The processes that live, as awk is to take them: grep goes on where one ends meanwhile, and its
// file names are what a process cannot choose as it can its own name.
constexpr std::string_view list_processes =
    "ls_() { if [ -r /proc/self/stat ]; then grep -H \"\" /proc/[0-9]*/stat; "
    "else ps -A -o pid= -o ppid= -o pgid=; fi 2>/dev/null; }; ";
constexpr std::string_view read_process =
    "/^.proc/ {sub(/^.proc./, \"\"); n = \\$0; sub(/[^0-9].*/, \"\", n); "
    "sub(/^.*[)] /, \"\"); if (\\$1 ~ /[ZX]/) {delete P[n]; next} "
    "P[n] = \\$2; G[n] = \\$3; S[n] = \\$4; T[n] = \\$20; next} "
    "{P[\\$1] = \\$2; G[\\$1] = S[\\$1] = \\$3; T[\\$1] = 0} ";

// awk's quotes, inside those of the shell that runs it.
std::string for_awk(std::string_view program) {
  std::string text;
  for (char c : program) text += c == '"' ? std::string("\\\"") : std::string(1, c);
  return text;
}

// Lines PID:START:GROUP. find: the other commands of this connection. look: those of k that live,
// parents first, and what belongs to them: the members of a session that one of them led (l), or
// else what descends from one and is still in its session.
std::string functions() {
  std::string find = for_awk(std::string(read_process) +
                             "END {for (n in P) if (P[n] == A && n + 0 - M) "
                             "print n \":\" T[n] \":\" G[n] \":\" S[n]}");
  std::string look = for_awk(
      "BEGIN {n = split(K, a, \" \"); for (i = 1; i <= n; i++) {split(a[i], b, \":\"); "
      "O[b[1]] = b[2]} n = split(L, a, \" \"); for (i = 1; i <= n; i++) D[a[i]] = 1} " +
      std::string(read_process) +
      "END {for (n in P) if (n + 0 - M && (S[n] in D || (n in O && O[n] == T[n]))) W[n] = 1; "
      "do {g = 0; for (n in P) if ((n in W) == 0 && (P[n] in W) && S[n] == S[P[n]]) "
      "{W[n] = 1; g = 1}} while (g); "
      // Parents first: a shell that sees its child stopped would go on with its next command.
      "do {g = 0; for (n in W) if ((P[n] in W) == 0) {R[n] = 1; g = 1} "
      "for (n in R) {print n \":\" T[n] \":\" G[n]; delete W[n]} split(\"\", R)} while (g)}");
  return std::string(list_processes) + "find_() { ls_ | awk -v A=$p -v M=$$ \"" + find +
         "\"; }; look() { k=$(ls_ | awk -v M=$$ -v K=\"$k\" -v L=\"$l\" \"" + look +
         "\"); k=$(echo $k); }; "
         "hit() { for q in $l; do case \" $k \" in *:$q\" \"*) kill -s $1 -- -$q;; esac; done; "
         "for x in $k; do y=${x##*:}; case \"$l \" in *\" $y \"*) ;; "
         "*) kill -s $1 ${x%%:*};; esac; done; } 2>/dev/null; "
         // Where there is no group to be signalled as one, they are stopped first: a shell would go
         // on with its next command when a child has got the signal, and it has not.
         "all() { [ \"$l\" ] || { hit STOP; look; hit STOP; look; }; hit $1; "
         "hit CONT; }; ";
}

// k: the commands, l: those that lead a session and so a group. Between the answer to a request and
// the server's fork there may be none.
constexpr std::string_view find_commands =
    "k=; l=; i=0; while :; do for x in $(find_); do q=${x%%:*}; "
    "if [ -r /proc/$q/cmdline ]; then grep -q execo-end /proc/$q/cmdline; "
    "else ps -o args= -p $q | grep -q execo-end; fi 2>/dev/null && continue; "
    "k=\"$k ${x%:*}\"; [ ${x##*:} = $q ] && l=\"$l $q\"; done; "
    "[ \"$k\" ] && break; i=$((i+1)); [ $i -lt 5 ] || break; rest; done; ";

constexpr std::string_view rest_a_little = "rest() { sleep 0.05 2>/dev/null || sleep 1; }; ";

std::string in_seconds(clock::duration time) {
  constexpr std::int64_t longest = 1'000'000'000;
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  ms = std::clamp<std::int64_t>(ms, 0, longest);
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

std::string as_script(const std::string& lines) { return "exec /bin/sh -c '" + lines + "'"; }

}  // namespace

std::string sibling_signal_script(int number, delivery before) {
  std::string n = std::to_string(number);
  // sshd may have delivered it, but not to a session of root's. A command that lives on and handles
  // or ignores it then does not get it twice.
  std::string told =
      "u=$(id -u); [ \"$u\" = 0 ] || for x in $l; do { while read -r a b; do case $a in "
      "SigIgn:|SigCgt:) [ $((0x$b >> (" +
      n + " - 1) & 1)) = 1 ] && exit 0;; esac; done < /proc/$x/status; } 2>/dev/null; done; ";
  if (before == delivery::none || number == SIGKILL) told.clear();
  // Only their groups, where they have some.
  std::string send = "if [ \"$l\" ]; then for x in $l; do kill -s " + n +
                     " -- -$x; done; else look; hit " + n + "; fi";
  return as_script(std::string(check_parent) + std::string(rest_a_little) + functions() +
                   std::string(find_commands) + told + send);
}

// Its timer is a process of its own: a shell has no clock that is fine enough. One empty look may
// have missed a process that was made behind it.
std::string ending_script(int number, clock::duration until_kill) {
  bool kills = number == SIGKILL;
  std::string first = "all " + std::to_string(number) + "; ";
  std::string whole = std::to_string(std::chrono::ceil<std::chrono::seconds>(until_kill).count());
  // csh leaves an exclamation mark alone that a blank follows.
  std::string wait = "z=" + in_seconds(until_kill) + "; sleep 0.01 2>/dev/null || z=" + whole +
                     "; sleep $z >/dev/null 2>&1 & t=$! ; while kill -0 $t 2>/dev/null; do look; "
                     "[ \"$k\" ] || look; [ \"$k\" ] || { kill -9 $t; done_ gone; }; rest; done; ";
  if (kills || until_kill <= clock::duration(0)) wait.clear();
  return as_script(
      std::string("trap \"\" HUP INT TERM PIPE; echo execo-here; done_() { echo execo-end $1; exit "
                  "0; }; ") +
      std::string(check_parent) + std::string(rest_a_little) + functions() +
      std::string(find_commands) + "[ \"$k\" ] || done_ found_nothing; look; " + first +
      "echo execo-begin; exec </dev/null; " + wait +
      "i=0; while [ $i -lt 8 ]; do look; [ \"$k\" ] || look; [ \"$k\" ] || done_ gone; "
      "all KILL; rest; i=$((i+1)); done; d=held; for x in $k; do n=${x%%:*}; "
      "kill -0 $n 2>/dev/null || { [ -e /proc/$n ] && d=not_permitted; }; done; done_ $d");
}

/// One second channel.
class sibling_signal::script final : channel_owner {
 public:
  script(sibling_signal& owner, bool ends) : owner_(owner), ends_(ends) {}

  void run(std::string text) {
    channel_owner& self = *this;
    channel_.emplace(owner_.session_, self);
    channel_->open(std::move(text));
    channel_->close_input();
  }

  bool ends() const noexcept { return ends_; }
  bool is_open() const noexcept { return open_; }
  script_state state() const noexcept { return state_; }

 private:
  void channel_started() override { become(script_state::accepted); }
  void channel_eof() override {}
  void channel_written(std::size_t) override {}

  void channel_data(stream which, std::span<const char> bytes) override {
    if (which == stream::err || !ends_) return;
    words_.append(bytes.data(), bytes.size());
    read_words();
    if (words_.size() > kept_words) words_.erase(0, words_.size() - kept_words);
  }

  void read_words() {
    constexpr std::string_view end_word = "execo-end ";
    std::size_t at = words_.find(end_word);
    std::size_t line_end = at == std::string::npos ? at : words_.find('\n', at);
    if (line_end != std::string::npos) {
      at += end_word.size();
      return become(named(std::string_view(words_).substr(at, line_end - at)));
    }
    if (words_.find("execo-begin\n") != std::string::npos) return become(script_state::at_work);
    if (words_.find("execo-here\n") != std::string::npos) become(script_state::started);
  }

  static script_state named(std::string_view word) noexcept {
    if (word == "gone") return script_state::gone;
    if (word == "not_permitted") return script_state::not_permitted;
    if (word == "held") return script_state::held;
    return script_state::found_nothing;
  }

  void channel_exit(exit_status) override {}

  // MaxSessions may be 1: then there is no second channel, and KILL is no better off.
  void channel_refused(std::string) override {
    open_ = false;
    become(script_state::refused);
  }

  void channel_closed() override {
    open_ = false;
    if (state_ < script_state::started) return become(script_state::something_else);
    if (state_ <= script_state::at_work) return become(script_state::broken);
    if (!ends_ && owner_.wanted_ != 0)
      owner_.session_.shared().home.arm_after(owner_.delay_, clock::duration(0));
  }

  void become(script_state next) {
    if (state_ > script_state::at_work || state_ == next) return;
    state_ = next;
    if (ends_) owner_.changed_();
    if (!open_ && !ends_ && owner_.wanted_ != 0)
      owner_.session_.shared().home.arm_after(owner_.delay_, clock::duration(0));
  }

  sibling_signal& owner_;
  std::optional<remote_channel> channel_;
  std::string words_;
  bool ends_;
  bool open_ = true;
  script_state state_ = script_state::waiting;
};

sibling_signal::sibling_signal(remote_session& session, delegate<> changed)
    : session_(session),
      changed_(changed),
      delay_(delegate<>::to<&sibling_signal::go>(this), "delay of a signal") {}

sibling_signal::~sibling_signal() = default;

bool sibling_signal::possible(const remote_session& session) {
  return is_openssh(session) || is_dropbear(session);
}

bool sibling_signal::needed(const remote_session& session) {
  return is_dropbear(session) || (session.user() == "root" && is_openssh(session));
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

// One signal at a time, in order.
bool sibling_signal::is_sending() const noexcept {
  return std::ranges::any_of(scripts_,
                             [](const auto& one) { return !one->ends() && one->is_open(); });
}

void sibling_signal::go() {
  if (is_sending() || wanted_ == 0 || session_.handle() == nullptr) return;
  add(false).run(sibling_signal_script(std::exchange(wanted_, 0), before_));
}

bool sibling_signal::end(int number, clock::duration until_kill) {
  cancel();
  // One that was not heard of yet may turn out to be a forced command: that is not started again.
  auto is_no_use = [](const auto& one) {
    script_state s = one->state();
    return one->ends() && (s < script_state::at_work || s == script_state::refused ||
                           s == script_state::something_else);
  };
  auto is_open = [](const auto& one) { return one->is_open(); };
  if (std::ranges::any_of(scripts_, is_no_use) ||
      static_cast<std::size_t>(std::ranges::count_if(scripts_, is_open)) >= max_scripts)
    return false;
  add(true).run(ending_script(number, until_kill));
  return true;
}

bool sibling_signal::has_looked() const noexcept {
  return std::ranges::any_of(scripts_, [](const auto& one) {
    return one->ends() && one->state() >= script_state::at_work;
  });
}

script_state sibling_signal::state() const noexcept {
  script_state known = script_state::found_nothing;
  script_state in_flight = script_state::waiting;
  bool pending = false;
  for (const auto& one : scripts_) {
    if (!one->ends()) continue;
    bool over = one->state() > script_state::at_work;
    pending = pending || !over;
    script_state& furthest = over ? known : in_flight;
    furthest = std::max(furthest, one->state());
  }
  return pending && known != script_state::gone ? in_flight : known;
}

sibling_signal::script& sibling_signal::add(bool ends) {
  std::erase_if(scripts_, [](const auto& one) {
    return !one->ends() && !one->is_open() && one->state() != script_state::refused;
  });
  scripts_.push_back(std::make_unique<script>(*this, ends));
  return *scripts_.back();
}

}  // namespace execo::detail
