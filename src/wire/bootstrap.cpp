#include "wire/bootstrap.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/shell_words.hpp"

namespace execo::detail {
namespace {

// The scripts are of one line each, since csh quotes no newline, and have no single quote. Their
// variables begin with "_": what the environment has under the same name would be changed for the
// commands of the agent. The one that is exported is the agent's, which unsets it.

// Both shells begin with this. $1 is a folder to remove, or nothing.
constexpr std::string_view common =
    R"(set -f; _f=$1; )"
    R"(_say() { printf "\nexeco1 %s %.900s\n" "$EXECO_NONCE" "$*"; }; )"
    R"(_leaf() { _say leaf "$@"; exit 1; }; )"
    R"(_has() { command -v "$1" >/dev/null 2>&1; }; )"
    R"(trap "[ -z \"\$_f\" ] || rm -rf -- \"\$_f\"" EXIT; trap "exit 143" HUP INT TERM; )";

// The second half: takes the image to descriptor 3 and becomes it by descriptor 4, which reads it.
// $2 is what uname says, $3 the place. A head that does not count bytes has read none when it
// fails.
constexpr std::string_view receive =
    R"(if [ $3 = memory ]; then exec 4</proc/self/fd/3; fi; _a=; )"
    R"(for _p in gzip sha256sum perl python3; do if _has $_p; then _a="$_a $_p"; fi; done; )"
    R"(_say ready "$2 $3$_a"; )"
    R"(IFS=" " read -r _h _n _s _x || exit 1; )"
    R"(case $_h:$_n:$_s in *:*[!0-9]*:*|*:*:*[!0-9]*|*::*|*:) _leaf input ;; gzip:*|plain:*) ;; )"
    R"(*) _leaf input ;; esac; )"
    R"(_take() { if [ $_h = gzip ]; then "$@" | gzip -dc >&3; else "$@" >&3; fi; }; )"
    R"(_slowly() { dd bs=1 count="$_n" 2>/dev/null; }; )"
    R"(_o=$(_take head -c "$_n" 2>&1) || )"
    R"({ if head -c 0 </dev/null >/dev/null 2>&1; then _leaf image $_o; fi; )"
    R"(_o=$(_take _slowly 2>&1) || _leaf image $_o; }; )"
    R"(exec 3>&-; )"
    R"(if _has sha256sum; then _o=$(sha256sum <&4); [ "${_o%% *}" = "$_x" ] || _leaf digest; )"
    R"(else _o=$(wc -c <&4); [ $((_o)) -eq "$_s" ] || _leaf size $((_o)); fi; )"
    R"(_say start; )"
    R"(if [ -z "$1" ]; then exec /proc/self/fd/4 ""; fi; exec "$1/execo-agent" "$1" 4<&-)";

// Makes a file in memory of descriptor 3 and runs the words that follow the machine's name, if any
// do. The numbers of memfd_create are those of x86-64 and aarch64; 16 is MFD_EXEC, which kernels
// before Linux 6.3 refuse.
constexpr std::string_view perl_memory =
    R"($m=shift; $c=$m eq "x86_64"?319:$m eq "aarch64"?279:exit 1; $n="execo-agent"; )"
    R"($f=syscall($c,$n,16); $f=syscall($c,$n,0) if $f<0; exit 1 if $f!=3; )"
    R"(exit 0 if !@ARGV; exec {$ARGV[0]} @ARGV; exit 1)";
constexpr std::string_view python_memory =
    R"(exec("import os,sys@n=\"execo-agent\"@try: f=os.memfd_create(n,16)@)"
    R"(except OSError: f=os.memfd_create(n,0)@a=sys.argv[2:]@if f!=3: sys.exit(1)@)"
    R"_(if a: os.execv(a[0],a)".replace("@",chr(10))))_";

// Each place that is tried may belong to somebody else: a folder is made that nobody had, closed to
// others, and a program in it is run. Where there is /proc it is gone before the image comes. A
// trap runs after an assignment, never between the making of a folder and it. A program costs the
// host about a millisecond, so there are few: what is in the folder needs no umask, and since Linux
// 6.1 /proc knows the machine.
constexpr std::string_view find_place =
    R"(exec 3>&- 4>&-; IFS=" " read -r EXECO_NONCE _k || exit 1; export EXECO_NONCE; )"
    R"(_make() { umask 077; if _has mktemp; then exec mktemp -d "$_d/execo-XXXXXXXXXX"; fi; )"
    R"(mkdir -- "$_d/execo-$_k" && printf %s "$_d/execo-$_k"; }; )"
    R"(if [ -t 0 ]; then _leaf terminal; fi; )"
    R"(for _d in "$XDG_RUNTIME_DIR" /dev/shm /tmp /var/tmp "$HOME"; do )"
    R"(case $_d in /*) ;; *) continue ;; esac; )"
    R"(if [ ! -d "$_d" ] || [ ! -w "$_d" ]; then continue; fi; )"
    R"(_f=$(_make 2>/dev/null) || { _f=; continue; }; _i=$_f/execo-agent; )"
    R"({ printf "#!/bin/sh\nexit 7\n" >"$_i" && chmod 700 "$_i" && "$_i" </dev/null; } 2>/dev/null; )"
    R"([ $? -ne 7 ] || break; )"
    R"(rm -rf -- "$_f"; _f=; done; )"
    R"(_l=; if [ -e /proc/self/fd/0 ]; then _l=1; fi; )"
    R"({ read -r _s </proc/sys/kernel/arch && _s="Linux $_s"; } 2>/dev/null || _s=$(uname -sm); )"
    R"(if [ -z "$_f" ]; then [ -n "$_l" ] || _leaf place; _m=${_s##* }; )"
    R"(if perl -e "$_perl" "$_m" </dev/null >/dev/null 2>&1; then )"
    R"(exec perl -e "$_perl" "$_m" /bin/sh -c "$_c$_r" execo "" "$_s" memory; fi; )"
    R"(if python3 -IS -c "$_python" "$_m" </dev/null >/dev/null 2>&1; then )"
    R"(exec python3 -IS -c "$_python" "$_m" /bin/sh -c "$_c$_r" execo "" "$_s" memory; fi; )"
    R"(_leaf place; fi; )"
    R"({ if [ -n "$_l" ]; then rm -rf -- "$_f"; _f=; set -- "" "$_s" unlinked; )"
    R"(else set -- "$_f" "$_s" folder; fi; eval "$_r"; } 3>"$_i" 4<"$_i"; _leaf place)";

std::string assigned(std::string_view name, std::string_view script) {
  assert(script.find_first_of("'\n") == script.npos);
  return std::string(name) + "='" + std::string(script) + "'; ";
}

std::string quoted_script() {
  return quote_word(assigned("_c", common) + assigned("_r", receive) +
                    assigned("_perl", perl_memory) + assigned("_python", python_memory) +
                    "eval \"$_c\"; " + std::string(find_place));
}

struct place_name {
  image_place place;
  std::string_view name;
};
constexpr std::array place_names{place_name{image_place::unlinked, "unlinked"},
                                 place_name{image_place::folder, "folder"},
                                 place_name{image_place::memory, "memory"}};

struct leaf_reason {
  std::string_view word;
  stage1_fault fault;
};
constexpr std::array leaf_reasons{
    leaf_reason{"terminal", stage1_fault::terminal}, leaf_reason{"place", stage1_fault::no_place},
    leaf_reason{"image", stage1_fault::bad_image},   leaf_reason{"digest", stage1_fault::bad_image},
    leaf_reason{"size", stage1_fault::bad_image},    leaf_reason{"input", stage1_fault::bad_image}};

// Takes the first word and the blank after it.
std::string_view take_word(std::string_view& text) {
  std::size_t end = std::min(text.find(' '), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::string_view last_of(std::string_view text, std::size_t count) {
  return text.substr(text.size() - std::min(text.size(), count));
}

}  // namespace

const std::string& stage1_command() {
  static const std::string text = "exec /bin/sh -c " + quoted_script() + " execo";
  return text;
}

std::string stage1_opening(std::string_view nonce, std::string_view folder) {
  for ([[maybe_unused]] std::string_view text : {nonce, folder})
    assert(!text.empty() && text.find_first_not_of("0123456789abcdef") == text.npos);
  return std::string(nonce) + ' ' + std::string(folder) + '\n';
}

std::string stage1_header(image_form form, std::size_t sent, const image_identity& image) {
  std::string line = form == image_form::gzip ? "gzip " : "plain ";
  line += std::to_string(sent) + ' ' + std::to_string(image.size) + ' ' + image.sha256 + '\n';
  return line;
}

std::string_view words_of(stage1_fault fault) noexcept {
  switch (fault) {
    case stage1_fault::none:
      return "nothing is wrong";
    case stage1_fault::no_answer:
      return "the login shell ended without running /bin/sh";
    case stage1_fault::noise:
      return "64 KiB of other output came before the answer of /bin/sh";
    case stage1_fault::terminal:
      return "its standard input is a terminal";
    case stage1_fault::no_place:
      return "no directory may be executed from, and neither perl nor python3 makes a file in "
             "memory";
    case stage1_fault::unknown_arch:
      return "there is no agent for its machine";
    case stage1_fault::bad_image:
      return "the agent did not arrive whole";
    case stage1_fault::ended:
      return "the connection ended before the agent ran";
    case stage1_fault::malformed:
      return "its answer is not understood";
  }
  return "unknown";
}

stage1_reader::stage1_reader(std::string_view nonce)
    : mark_("execo1 " + std::string(nonce) + " ") {}

stage1_state stage1_reader::feed(std::span<const char>& bytes) {
  const stage1_state before = state_;
  while (!bytes.empty() && !is_over() && state_ == before) {
    constexpr std::size_t limit = max_noise + max_line;
    const std::size_t had = seen_.size();
    const std::size_t some = std::min(bytes.size(), limit + mark_.size() + 2 - had);
    seen_.append(bytes.data(), some);
    std::size_t used = some;
    if (auto end = end_of_line()) {
      used = *end - had;
      std::string whole = std::exchange(seen_, std::string());
      std::size_t begin = searched_ + mark_.size();
      searched_ = 0;
      read(std::string_view(whole).substr(begin, *end - 1 - begin));
    }
    bytes = bytes.subspan(used);
  }
  return state_;
}

// The end of the first line of ours, after its LF. A mark that begins too late is noise as well.
std::optional<std::size_t> stage1_reader::end_of_line() {
  std::size_t at = seen_.find(mark_, searched_);
  if (at == seen_.npos) {
    check_noise(seen_.size() < mark_.size() ? 0 : seen_.size() - mark_.size() + 1);
    return std::nullopt;
  }
  check_noise(at);
  if (is_over()) return std::nullopt;
  std::size_t begin = at + mark_.size();
  std::size_t end = seen_.find('\n', begin);
  if (std::min(end, seen_.size()) - begin > max_line)
    fail(stage1_fault::malformed, std::string_view(seen_).substr(begin));
  return end == seen_.npos || is_over() ? std::nullopt : std::optional(end + 1);
}

void stage1_reader::check_noise(std::size_t without_mark) {
  searched_ = without_mark;
  if (without_mark <= max_noise) return;
  fail(stage1_fault::noise, std::string_view(seen_).substr(0, max_noise));
}

stage1_state stage1_reader::end() {
  if (is_over()) return state_;
  bool searching = state_ == stage1_state::searching;
  fail(searching ? stage1_fault::no_answer : stage1_fault::ended, std::string(seen_));
  return state_;
}

void stage1_reader::sending() noexcept {
  assert(state_ == stage1_state::answered);
  state_ = stage1_state::receiving;
}

const stage1_answer& stage1_reader::answer() const noexcept {
  assert(state_ != stage1_state::searching);
  return answer_;
}

void stage1_reader::read(std::string_view line) {
  const std::string_view whole = line;
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::string_view word = take_word(line);
  if (word == "leaf") {
    read_leaf(line);
  } else if (word == "ready" && state_ == stage1_state::searching) {
    read_answer(line);
  } else if (word == "start" && line.empty() && state_ == stage1_state::receiving) {
    state_ = stage1_state::started;
  } else {
    fail(stage1_fault::malformed, whole);
  }
}

void stage1_reader::read_answer(std::string_view rest) {
  const std::string_view whole = rest;
  bool is_linux = take_word(rest) == "Linux";
  machine arch = machine_of(take_word(rest));
  const auto* place = std::ranges::find(place_names, take_word(rest), &place_name::name);
  if (place == place_names.end()) return fail(stage1_fault::malformed, whole);
  if (!is_linux || arch == machine::other) return fail(stage1_fault::unknown_arch, whole);
  answer_.arch = arch;
  answer_.place = place->place;
  while (!rest.empty()) {
    std::string_view tool = take_word(rest);
    if (tool == "gzip") answer_.has_gzip = true;
    if (tool == "sha256sum") answer_.has_sha256sum = true;
    if (tool == "perl") answer_.has_perl = true;
    if (tool == "python3") answer_.has_python3 = true;
  }
  state_ = stage1_state::answered;
}

void stage1_reader::read_leaf(std::string_view rest) {
  const std::string_view whole = rest;
  const auto* found = std::ranges::find(leaf_reasons, take_word(rest), &leaf_reason::word);
  fail(found == leaf_reasons.end() ? stage1_fault::malformed : found->fault, whole);
}

void stage1_reader::fail(stage1_fault fault, std::string_view text) {
  text_ = last_of(text, max_line);
  fault_ = fault;
  state_ = stage1_state::failed;
  seen_.clear();
}

}  // namespace execo::detail
