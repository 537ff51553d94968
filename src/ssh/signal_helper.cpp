#include "ssh/signal_helper.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cassert>
#include <charconv>

#include "base/visit_list.hpp"

namespace execo::detail {
namespace {

// Of what a script writes; what a shell's start-up files write may come before.
constexpr std::size_t kept_words = 4096;

// The script is one line without single quotes, exclamation marks or double backslashes: any login
// shell, csh and fish included, hands it to /bin/sh as it is, and `exec` leaves the process that
// the server made, so that PPID is the server's. Nothing is signalled unless the parent is an ssh
// server's process, which serves this connection only.
constexpr std::string_view check_parent =
    "p=$PPID; c=; { read -r c < /proc/$p/comm; } 2>/dev/null || c=$(ps -o comm= -p $p); "
    "case $c in sshd*|dropbear*|*/sshd*|*/dropbear*) ;; "
    "*) echo execo-none; exit 3;; esac; ";

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
         "hit CONT; }; "
         "rest() { sleep 0.05 2>/dev/null || sleep 1; }; ";
}

// Whether a process is the command's: w and m are the kind and the text of its mark. The server's
// own child, before it has become a command, has neither the variables of the connection nor a
// mark.
std::string is_ours() {
  std::string has_mark = fmt::format("grep -qsF \"{}=$m\" /proc/$1/environ", mark_variable);
  return "ours() { case $w in alone) return 0;; marked) " + has_mark +
         "; return $?;; esac; [ \"$SSH_CONNECTION\" ] || return 1; "
         "grep -qsF \"SSH_CONNECTION=$SSH_CONNECTION\" /proc/$1/environ || return 1; " +
         has_mark + " && return 1; return 0; }; ";
}

// k: the commands, l: those that lead a session and so a group. Between the answer to a request and
// the server's fork there may be none.
constexpr std::string_view find_commands =
    "seek() { k=; l=; j=0; while :; do for x in $(find_); do q=${x%%:*}; "
    "if [ -r /proc/$q/cmdline ]; then grep -q execo-end /proc/$q/cmdline; "
    "else ps -o args= -p $q | grep -q execo-end; fi 2>/dev/null && continue; "
    "ours $q || continue; "
    "k=\"$k ${x%:*}\"; [ ${x##*:} = $q ] && l=\"$l $q\"; done; "
    "[ \"$k\" ] && break; j=$((j+1)); [ $j -lt 5 ] || break; rest; done; }; ";

// s: the signal, b: what the server has made of it before. sshd may have delivered it, but not to a
// session of root's; a command that lives on and handles or ignores it then does not get it twice.
// Only their groups get it, where they have some.
constexpr std::string_view send_one =
    "one() { seek; case $b in maybe) u=$(id -u); [ \"$u\" = 0 ] || for x in $l; do "
    "{ while read -r h v; do case $h in SigIgn:|SigCgt:) [ $((0x$v >> ($s - 1) & 1)) = 1 ] && "
    "done_ sent;; esac; done < /proc/$x/status; } 2>/dev/null; done;; esac; "
    "if [ \"$l\" ]; then for x in $l; do kill -s $s -- -$x; done; else look; hit $s; fi "
    "2>/dev/null; done_ sent; }; ";

// z: seconds until KILL, y: the same as a whole number, for a sleep that takes no other. Its timer
// is a process of its own: a shell has no clock that is fine enough. One empty look may have missed
// a process that was made behind it.
constexpr std::string_view end_one =
    "stop() { seek; [ \"$k\" ] || done_ found_nothing; quit; }; "
    "quit() { look; all $s; echo execo-begin $i; "
    "case $z in -) ;; *) sleep 0.01 2>/dev/null || z=$y; "
    // csh leaves an exclamation mark alone that a blank follows.
    "sleep $z >/dev/null 2>&1 & t=$! ; while kill -0 $t 2>/dev/null; do look; "
    "[ \"$k\" ] || look; [ \"$k\" ] || { kill -9 $t; done_ gone; }; rest; done;; esac; "
    "j=0; while [ $j -lt 8 ]; do look; [ \"$k\" ] || look; [ \"$k\" ] || done_ gone; "
    "all KILL; rest; j=$((j+1)); done; d=held; for x in $k; do n=${x%%:*}; "
    "kill -0 $n 2>/dev/null || { [ -e /proc/$n ] && d=not_permitted; }; done; done_ $d; }; ";

// What a script that watches evaluates first, as a line of its input: no login shell reads it.
// K and L: the commands that are watched, as k and l; r: how many may begin that are not among them
// yet; f: seconds; e: the process that counts them, which may be told to end before its sleep is
// there, t being what $! was before. When a connection has gone, its commands are no
// longer the children of the server's process: those that nothing was heard of are known by the
// variable that the server gives to each. A session whose leader has ended is what a command has
// left behind: it is left alone. Dropbear runs commands in the session of the connection, which is
// that of the helper as well, o: what began there before B, the clock tick since which no command
// was known to run, was left behind. The tick is not that of the line that says that a command
// begins: a busy host may have begun it before the script reads that. The helper's own processes
// have the script as an argument or EXECO_HELPER as a variable.
constexpr std::string_view watch_functions =
    "eval K=; L=; r=0; e=; EXECO_HELPER=1; export EXECO_HELPER; "
    "read -r o < /proc/$$/stat; o=${o##*) }; set -- $o; o=$4; "
    "tick() { read -r h < /proc/self/stat; set -- ${h##*) }; echo ${20}; }; "
    "own() { grep -qs execo-end /proc/$1/cmdline || grep -qs EXECO_HELPER= /proc/$1/environ; }; "
    "quiet() { [ \"$e\" ] && kill -s USR1 $e 2>/dev/null; }; "
    "beat() { f=$5; quiet; (t=$!; trap '[ \"$t\" = \"$!\" ] || kill -9 $! 2>/dev/null; exit' USR1; "
    "sleep $f >/dev/null 2>&1 & wait $!; (expire); kill -9 $$) </dev/null & e=$!; "
    "case $1 in 0) ;; *) echo execo-begin $1;; esac; }; "
    "more() { [ \"$SSH_CONNECTION\" ] || return; "
    "for x in $(grep -lsF \"SSH_CONNECTION=$SSH_CONNECTION\" /proc/[0-9]*/environ); do "
    "x=${x#/proc/}; x=${x%/environ}; { read -r h < /proc/$x/stat; } 2>/dev/null || continue; "
    "set -- ${h##*) }; [ $4 = $o ] && { [ ${20} -lt $B ] || own $x || k=\"$k $x:${20}\"; continue; "
    "}; "
    "[ -e /proc/$4 ] || continue; "
    "k=\"$k $x:${20}\"; case \" $l \" in *\" $4 \"*) ;; *) l=\"$l $4\";; esac; done; }; "
    "expire() { i=0; s=15; z=2; y=2; k=$K; l=; "
    "for q in $L; do [ -e /proc/$q ] && l=\"$l $q\"; done; "
    "[ $r = 0 ] || more; [ \"$k\" ] && quit; }; "
    "fin() { quiet; expire; }; "
    "next() { case $3 in begins) r=$((r+1)); beat $*;; "
    "idle) r=0; K=; L=; B=$(tick); beat $*;; "
    "runs) w=alone; seek </dev/null; "
    "[ \"$k\" ] && { K=$k; L=$l; [ $r = 0 ] || r=$((r-1)); }; beat $*;; "
    "beat) beat $*;; *) (go $*) </dev/null & ;; esac; }; B=$(tick)";

std::string in_seconds(clock::duration time) {
  constexpr std::int64_t longest = 1'000'000'000;
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  ms = std::clamp<std::int64_t>(ms, 0, longest);
  return fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

std::string line(unsigned id, int number, std::string_view before, std::string_view seconds,
                 std::int64_t whole, const command_mark& whose) {
  using kind = command_mark::kind;
  std::string_view kind_word = "alone";
  if (whose.what() == kind::marked) kind_word = "marked";
  if (whose.what() == kind::unmarked) kind_word = "unmarked";
  std::string_view text = whose.text().empty() ? std::string_view("-") : whose.text();
  return fmt::format("{} {} {} {} {} {} {}", id, number, before, seconds, whole, kind_word, text);
}

script_state named(std::string_view word) noexcept {
  if (word == "sent") return script_state::sent;
  if (word == "gone") return script_state::gone;
  if (word == "not_permitted") return script_state::not_permitted;
  if (word == "held") return script_state::held;
  return script_state::found_nothing;
}

/// The word in front of the first blank, which it takes away.
std::string_view take_word(std::string_view& text) noexcept {
  std::size_t end = std::min(text.find(' '), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

std::string helper_script(std::string_view first_request) {
  std::string first(first_request);
  if (!first.empty()) first = "next " + first + "; ";
  return std::string("exec /bin/sh -c '") +
         "trap \"\" HUP INT TERM PIPE; echo execo-here; "
         "done_() { echo execo-end $i $1; exit 0; }; " +
         std::string(check_parent) + functions() + is_ours() + std::string(find_commands) +
         std::string(send_one) + std::string(end_one) +
         "go() { i=$1; s=$2; b=$3; z=$4; y=$5; w=$6; m=$7; case $b in end) stop;; *) one;; esac; "
         "}; fin() { :; }; next() { (go $*) </dev/null & }; " +
         first +
         "while read -r a; do case $a in eval*) eval \"${a#eval }\";; *) next $a;; esac; done; "
         "fin; wait'";
}

std::string signal_line(unsigned id, int number, delivery before, const command_mark& whose) {
  bool maybe = before == delivery::possible && number != SIGKILL;
  return line(id, number, maybe ? "maybe" : "none", "-", 0, whose);
}

std::string ending_line(unsigned id, int number, clock::duration until_kill,
                        const command_mark& whose) {
  if (number == SIGKILL || until_kill <= clock::duration(0))
    return line(id, number, "end", "-", 0, whose);
  auto whole = std::chrono::ceil<std::chrono::seconds>(until_kill).count();
  return line(id, number, "end", in_seconds(until_kill), whole, whose);
}

std::string watch_setup() { return std::string(watch_functions) + "\n"; }

std::string watch_line(unsigned id, std::string_view what, clock::duration lease) {
  auto whole = std::chrono::ceil<std::chrono::seconds>(lease).count();
  return line(id, SIGTERM, what, "-", whole, command_mark());
}

signal_helper::signal_helper(std::unique_ptr<channel_slot> slot) : slot_(std::move(slot)) {
  slot_->channel().serve(*this);
}

signal_helper::~signal_helper() {
  while (requests_.linked()) requests_.next()->unlink();
}

void signal_helper::signal(signal_request& request, int number, delivery before,
                           const command_mark& whose) {
  add(request, signal_line(++ids_, number, before, whose));
}

void signal_helper::end(signal_request& request, int number, clock::duration until_kill,
                        const command_mark& whose) {
  add(request, ending_line(++ids_, number, until_kill, whose));
}

void signal_helper::begin_watch(signal_request& request, clock::duration lease) {
  assert(stage_ == stage::unused);
  slot_->channel().run(helper_script({}));
  stage_ = stage::asked;
  to_write_ = watch_setup();
  add(request, watch_line(++ids_, "beat", lease));
}

// A beat that was not taken yet stands for all that would come behind it.
void signal_helper::remind(std::string_view what, clock::duration lease) {
  if (stage_ != stage::ready || (what == "beat" && !to_write_.empty())) return;
  to_write_ += watch_line(0, what, lease) + "\n";
  write();
}

void signal_helper::add(signal_request& request, std::string text) {
  request.id_ = ids_;
  if (stage_ == stage::over) return request.become(how_);
  if (stage_ == stage::unused) {
    slot_->channel().run(helper_script(text));
    stage_ = stage::asked;
  } else {
    to_write_ += text + "\n";
  }
  request.link_before(requests_);
  if (stage_ == stage::accepted) request.state_ = script_state::accepted;
  if (stage_ == stage::ready) request.state_ = script_state::started;
  write();
}

// A forced command in place of the script gets no line.
void signal_helper::write() {
  if (stage_ != stage::ready || !in_flight_.empty() || to_write_.empty()) return;
  in_flight_.swap(to_write_);
  slot_->channel().write(in_flight_);
}

void signal_helper::channel_written(std::size_t count) {
  in_flight_.erase(0, count);
  if (in_flight_.empty()) return write();
  slot_->channel().write(in_flight_);
}

void signal_helper::channel_started() {
  stage_ = stage::accepted;
  visit_list<signal_request>(requests_,
                             [](signal_request& r) { r.become(script_state::accepted); });
}

void signal_helper::channel_data(stream which, std::span<const char> bytes) {
  if (which == stream::err || stage_ == stage::over) return;
  words_.append(bytes.data(), bytes.size());
  std::string lines = std::exchange(words_, {});
  std::size_t from = 0;
  for (std::size_t at; (at = lines.find('\n', from)) != lines.npos; from = at + 1)
    read_line(std::string_view(lines).substr(from, at - from));
  words_ = lines.substr(from);
  if (words_.size() > kept_words) words_.erase(0, words_.size() - kept_words);
}

void signal_helper::read_line(std::string_view text) {
  // What start-up files have written stands before it, perhaps without an end of a line.
  std::size_t at = text.rfind("execo-");
  if (at == text.npos) return;
  text.remove_prefix(at);
  std::string_view word = take_word(text);
  if (word == "execo-here") {
    stage_ = stage::ready;
    visit_list<signal_request>(requests_,
                               [](signal_request& r) { r.become(script_state::started); });
    return write();
  }
  if (stage_ != stage::ready) return;
  if (word == "execo-none") return finish(script_state::found_nothing);
  signal_request* request = find(take_word(text));
  if (request == nullptr) return;
  if (word == "execo-begin") request->become(script_state::at_work);
  if (word != "execo-end") return;
  request->unlink();
  request->become(named(text));
}

signal_request* signal_helper::find(std::string_view id) noexcept {
  unsigned number = 0;
  (void)std::from_chars(id.data(), id.data() + id.size(), number);
  for (list_node* n = requests_.next(); n != &requests_; n = n->next()) {
    auto* r = static_cast<signal_request*>(n);
    if (r->id_ == number) return r;
  }
  return nullptr;
}

void signal_helper::finish(script_state how) {
  if (stage_ == stage::over) return;
  stage_ = stage::over;
  how_ = how;
  visit_list<signal_request>(requests_, [how](signal_request& r) {
    r.unlink();
    r.become(how);
  });
}

// MaxSessions may be 1: then there is no second channel, and KILL is no better off.
void signal_helper::channel_refused(refusal, std::string) { finish(script_state::refused); }

void signal_helper::channel_closed() {
  finish(stage_ == stage::ready ? script_state::broken : script_state::something_else);
}

void signal_helper::channel_broke(const std::exception_ptr&) { finish(script_state::broken); }

}  // namespace execo::detail
