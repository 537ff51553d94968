#include "transfer/put_script.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <time.h>

#include <array>

#include "transfer/line_words.hpp"

namespace execo::detail {

// Each program that it starts costs a host more than a megabyte does. openssl uses the SHA
// instructions of the processor, the sha256sum of coreutils 9.1 does not: 10 MB take 12 ms of CPU
// in place of 29, of which 4 ms and 1 ms are their starts. A file is made with its mode where its
// umask can say it, since its folder is closed to others.
const char* const put_script = R"sh(LC_ALL=C; export LC_ALL
mark=$1 temp= keep=
say() { printf '%s %s\n' "$mark" "$*"; }
finish() {
  [ -z "$temp" ] || [ -n "$keep" ] || rm -rf -- "$temp"
  exit "$1"
}
fail() {
  say failed "$@"
  finish 1
}
has() {
  case $flags in *"$1"*) return 0 ;; esac
  return 1
}
stop() {
  has r && keep=1
  finish 143
}
digest() {
  if [ "$size" -gt 4194304 ] && command -v openssl >/dev/null 2>&1; then
    found=$(openssl dgst -sha256 -r)
  elif command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum)
  elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256)
  elif command -v openssl >/dev/null 2>&1; then found=$(openssl dgst -sha256 -r)
  else found=none
  fi
  found=${found%%[ *]*}
}
octal() { octal=$(($1 >> 6))$(($1 >> 3 & 7))$(($1 & 7)); }
size_of() { echo $(($(wc -c <"$1"))); }
seen() {
  if [ -e "$1" ] || [ -L "$1" ]; then return 0; fi
  folder=${1%/*}
  if [ -d "$folder/" ] && [ -x "$folder/" ] && [ "${#1}" -lt 200 ]; then return 1; fi
  said=$(ls -d -- "$1" 2>&1) && return 0
  case $said in *'No such file or directory') return 1 ;; esac
  printf '%s\n' "$said" >&2
  fail look "$1"
}
need_directory() {
  [ -d "$1" ] && return
  if seen "$1"; then fail not_directory "$1"; fi
  has k || fail no_directory "$1"
  (umask "$mask"; mkdir -p -- "$1") || fail mkdir "$1"
}

# coreutils 8.24 and later take names; without that, and for what cannot be opened, all is synced.
to_disk() {
  has s || return 0
  said=$("$@" 2>&1) && return
  case $said in
    *option*|*operand*|*sage:*|*'Permission denied'*) sync ;;
    *)
      printf '%s\n' "$said" >&2
      fail sync "$target"
      ;;
  esac
}
sync_tree() { find "$1" ! -type l -exec sync -- {} +; }

mask=$(umask)
umask 077
IFS=' ' read -r version kind size sum mode when owner flags names name || fail input
[ "$version" = 1 ] || fail input
trap stop HUP INT TERM
trap '' PIPE
name=$(printf '%bx' "$name")
name=${name%x}

to=$2 inside=
case $to in
  '~') to=$HOME ;;
  '~/'*) to=$HOME/${to#??} ;;
  /*) ;;
  *) to=$PWD/$to ;;
esac
case $to in ?*/) inside=1 ;; esac
while :; do case $to in ?*/) to=${to%/} ;; *) break ;; esac; done
if has m; then inside=1; fi
if [ -n "$inside" ] || [ -d "$to" ]; then
  need_directory "$to"
  base=$to target=$to/$name
else
  base=${to%/*} target=$to
  [ -n "$base" ] || base=/
  need_directory "$base"
fi
if ! has m && seen "$target"; then
  if [ "$kind" = file ]; then
    if [ -d "$target" ]; then fail directory "$target"; fi
  elif [ ! -d "$target" ]; then
    fail not_directory "$target"
  fi
fi

# Hosts may share a file system: each target has its own.
if has r; then
  temp=$base/.execo-$sum-$(printf %s "$target" | cksum | tr -dc 0-9)
  if ! mkdir -- "$temp" 2>/dev/null; then
    if [ ! -d "$temp" ] || [ -L "$temp" ] || [ ! -O "$temp" ]; then temp=; fi
  fi
fi
# One file is written beside its target, under a name that nobody can guess: that starts two
# programs fewer than a directory does.
alone=
if [ -z "$temp" ] && [ "$kind" = file ] && ! has t; then
  alone=1
elif [ -z "$temp" ]; then
  temp=$(mktemp -d "$base/.execo-XXXXXXXXXX") || { temp=; fail temporary "$base"; }
fi

#+file
same_time() {
  TZ=UTC0 touch -t "$when" "$temp/when" || return 1
  [ ! "$target" -nt "$temp/when" ] && [ ! "$target" -ot "$temp/when" ]
}
unchanged() {
  has d || has t || return 1
  if [ ! -f "$target" ] || [ -L "$target" ]; then return 1; fi
  [ "$(size_of "$target")" -eq "$size" ] || return 1
  if has t; then same_time; return; fi
  digest <"$target"
  [ "$found" = "$sum" ]
}
receive_file() {
  part=$temp/part have=0 made=
  if [ -n "$alone" ]; then part=$base/.$mark; fi
  if ! has p; then
    bits=$((0$mode & ~0$mask & 0777))
    octal "$bits"
    mode=$octal
    if ! has r && [ $((bits & 0111)) -eq 0 ]; then
      made=1
      octal $((0666 & ~bits))
      umask "$octal"
    fi
  fi
  if [ -n "$alone" ]; then
    set -C
    true >"$part" || fail temporary "$base"
    set +C
    temp=$part
  elif [ -f "$part" ]; then
    have=$(size_of "$part")
  fi
  if [ "$have" -gt "$size" ]; then have=0; rm -f -- "$part"; fi
  say ready "$have"
  cat >>"$part" || fail write "$target"
  umask 077
  digest <"$part"
  if [ "$found" != "$sum" ]; then
    if [ "$(size_of "$part")" -ne "$size" ]; then
      has r && keep=1
      fail short "$target"
    fi
    [ "$found" = none ] || fail digest "$target"
  fi
  if has o && [ "$(id -u)" -eq 0 ]; then chown "$owner" "$part" || fail owner "$target"; fi
  if [ -z "$made" ]; then chmod "$mode" "$part" || fail mode "$target"; fi
  if has p; then TZ=UTC0 touch -t "$when" "$part" || fail time "$target"; fi
  if [ -d "$target" ]; then fail directory "$target"; fi
  to_disk sync -- "$part"
  mv -f -- "$part" "$target" || fail move "$target"
  if [ -n "$alone" ]; then temp=; fi
  to_disk sync -- "$base"
}
#-
#+archive
publish() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    if [ -d "$2" ]; then merge "$1" "$2"; return; fi
    if [ -e "$2" ] || [ -L "$2" ]; then fail not_directory "$2"; fi
  elif [ -d "$2" ]; then
    fail directory "$2"
  fi
  mv -f -- "$1" "$2" || fail move "$2"
}
merge() {
  for one in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$one" ] || [ -L "$one" ]; then
      if [ -d "$one" ] && [ ! -L "$one" ]; then
        publish "$one" "$2/${one##*/}"
      elif [ -d "$2/${one##*/}" ]; then
        fail directory "$2/${one##*/}"
      fi
    fi
  done
  find "$1" -mindepth 1 -maxdepth 1 ! -type d -exec sh -c 'exec mv -f -- "$@" "$0"' "$2/" {} + ||
    fail move "$2"
  to_disk sync -- "$2"
}
# sha256sum puts a backslash in front where a name has a newline, or writes that as it is.
digests() {
  if command -v sha256sum >/dev/null 2>&1; then xargs -0 sha256sum
  elif command -v shasum >/dev/null 2>&1; then xargs -0 shasum -a 256
  else xargs -0 openssl dgst -sha256 -r
  fi | sed -n 's/^\\*\([0-9a-f]\{64\}\) .*/\1/p'
}
facts() {
  if [ "$1" = old ] && has d; then
    digests <"$temp/found"
  else
    xargs -0 stat -c '%s %Y' <"$temp/found" || xargs -0 stat -f '%z %m' <"$temp/found"
  fi
}
list() {
  : >"$temp/marks"
  : >"$temp/found"
  if cd "$2" 2>/dev/null; then
    xargs -0 sh -c 'for f do
      if [ -f "$f" ] && [ ! -L "$f" ]; then printf y; printf "%s\\0" "$f" >&3; else printf n; fi
    done' sh <"$temp/names" >"$temp/marks" 3>"$temp/found"
  fi
  if [ -s "$temp/found" ]; then facts "$1"; fi >"$temp/facts" 2>/dev/null
  say "$1" "$(size_of "$temp/marks")" "$(size_of "$temp/facts")"
  cat "$temp/marks" "$temp/facts"
}
# No byte of the archive is on the way: head may read more than it needs.
list_files() {
  say names
  head -c "$names" >"$temp/names"
  there=$target kept=$temp/x/data/$name
  if has m; then there=$to kept=$temp/x/data; fi
  if has r; then (list kept "$kept"); fi
  if has d || has t; then (list old "$there"); fi
}
# What is kept would keep a disk full.
cut_short() {
  if ! has r || [ -z "$tar" ] || [ -f "$temp/x/digest" ]; then return; fi
  if head -c 65536 /dev/zero >"$temp/probe" 2>/dev/null; then keep=1; fi
}
# The index is the first member. Its lines are those of archive_index() in payload.cpp.
index() {
  digits=$(dd if="$temp/all" bs=1 skip=124 count=11 2>/dev/null)
  start=$(((0$digits + 511) / 512 + 1))
  dd if="$temp/all" bs=512 skip=1 count="$((start - 1))" 2>/dev/null
}
masked() {
  if ! has p; then
    octal "$((0$mode & ~0$mask & 0777))"
    mode=$octal
  fi
}
own() {
  if has o && [ "$(id -u)" -eq 0 ]; then chown -h "$owner" "$1" || fail owner "$to"; fi
}
unpack_one() {
  case $what in
    d) mkdir -p "$1" || fail write "$to" ;;
    l)
      link=$(printf '%bx' "$link")
      ln -s -- "${link%x}" "$1" || fail write "$to"
      own "$1"
      ;;
    f)
      if [ "$bytes" -eq 0 ]; then
        : >"$1"
      else
        dd if="$temp/all" bs=512 skip="$((start + at))" count="$(((bytes + 511) / 512))" \
          2>/dev/null | head -c "$bytes" >"$1"
      fi || fail write "$to"
      settle "$1"
      ;;
  esac
}
settle() {
  masked
  own "$1"
  chmod "$mode" "$1" || fail mode "$to"
  if has p; then TZ=UTC0 touch -t "$when" "$1" || fail time "$to"; fi
}
# A directory is as it is to be when all is in it.
unpack() {
  cat >"$temp/all" || fail write "$to"
  for round in f d; do
    index >"$temp/index"
    while IFS=' ' read -r what at bytes mode when owner path link; do
      [ "$what" != e ] || break
      path=$(printf '%bx' "$path")
      if [ "$round" = f ]; then unpack_one "$temp/x/${path%x}"
      elif [ "$what" = d ]; then settle "$temp/x/${path%x}"
      fi
    done <"$temp/index"
  done
  rm -f -- "$temp/all" "$temp/index"
}
receive_archive() {
  tar=1
  command -v tar >/dev/null 2>&1 || tar=
  mkdir -p "$temp/x/data" || fail temporary "$temp"
  rm -f -- "$temp/x/digest"
  if has r; then chmod -R u+rwX "$temp/x"; fi
  if [ "$names" -gt 0 ]; then list_files; fi
  [ -n "$tar" ] || say plain
  say ready 0
  how=-xof
  if has p; then how=-xpf; fi
  if [ -z "$tar" ]; then
    unpack
  elif ! (umask "$mask"; cd "$temp/x" && exec tar "$how" -); then
    cut_short
    fail write "$to"
  fi
  if [ ! -f "$temp/x/digest" ]; then
    cut_short
    fail short "$to"
  fi
  found=$( (cd "$temp/x/data" && xargs -0 cat <../list) | { digest; printf %s "$found"; })
  IFS= read -r sum <"$temp/x/digest"
  [ "$found" = none ] || [ "$found" = "$sum" ] || fail digest "$to"
  to_disk sync_tree "$temp/x/data"
  if has m; then
    for top in "$temp/x/data"/* "$temp/x/data"/.[!.]* "$temp/x/data"/..?*; do
      if [ -e "$top" ] || [ -L "$top" ]; then publish "$top" "$to/${top##*/}"; fi
    done
  else
    publish "$temp/x/data/$name" "$target"
  fi
  to_disk sync -- "$base"
}
#-

if [ "$kind" = file ] && unchanged; then
  say unchanged
  finish 0
fi
case $kind in
  file) receive_file ;;
  archive) receive_archive ;;
  *) fail input ;;
esac
[ -z "$temp" ] || rm -rf -- "$temp"
temp=
say done
finish 0
)sh";

namespace {

std::string flags_of(const source_tree& tree, const put_settings& how) {
  std::string flags = "-";
  if (how.preserves) flags += "po";
  if (how.resumes) flags += 'r';
  if (how.makes_directories) flags += 'k';
  if (how.syncs) flags += 's';
  if (how.skip == skip_rule::same_time) flags += 't';
  if (how.skip == skip_rule::same_digest) flags += 'd';
  if (tree.tops.size() > 1) flags += 'm';
  return flags;
}

struct failed_word {
  std::string_view word;
  int number;
};
constexpr std::array failed_words{
    failed_word{"directory", EISDIR},
    failed_word{"not_directory", ENOTDIR},
    failed_word{"no_directory", ENOENT},
};

// What a tool said, and for which step, where that is not clear.
copy_failure failure_of_step(const put_answer& answer, std::string_view said) {
  copy_failure found = failure_of_tool(said);
  std::string step = answer.word + " " + shown_path(answer.path);
  found.context = found.context.empty() ? step : step + ": " + found.context;
  return found;
}

}  // namespace

std::string touch_time(std::int64_t seconds) {
  time_t given = static_cast<time_t>(seconds);
  struct tm parts {};
  constexpr int zero_year = 1900;
  if (::gmtime_r(&given, &parts) == nullptr || parts.tm_year < 69 ||
      parts.tm_year > 9999 - zero_year)
    return "197001010000.00";
  return fmt::format("{:04}{:02}{:02}{:02}{:02}.{:02}", parts.tm_year + zero_year, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string escaped_for_printf(std::string_view bytes) {
  std::string made;
  for (char c : bytes) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_';
    if (is_plain)
      made += c;
    else
      made += fmt::format("\\0{:03o}", static_cast<unsigned char>(c));
  }
  return made;
}

std::string put_header(const source_tree& tree, const payload& bytes, const put_settings& how,
                       std::string_view key, std::size_t names) {
  const source_entry& first = tree.entries.front();
  bool is_file = bytes.how() == payload::form::file;
  bool has_name = tree.tops.size() == 1;
  return fmt::format("1 {} {} {} {:o} {} {}:{} {} {} {}\n", is_file ? "file" : "archive",
                     bytes.size(), key.empty() ? "-" : key, first.mode, touch_time(first.modified),
                     first.user, first.group, flags_of(tree, how), names,
                     has_name ? escaped_for_printf(tree.tops.front()) : "-");
}

std::optional<put_answer> read_put_answer(std::string_view line) {
  put_answer found;
  std::string_view word = next_word(line);
  if (word == "done" || word == "unchanged") {
    found.what = word == "done" ? put_answer::kind::done : put_answer::kind::unchanged;
    return line.empty() ? std::optional(found) : std::nullopt;
  }
  if (word == "failed") {
    found.word = next_word(line);
    found.path = line;
    return found;
  }
  if (word == "names" || word == "plain") {
    found.what = word == "names" ? put_answer::kind::names : put_answer::kind::plain;
    return line.empty() ? std::optional(found) : std::nullopt;
  }
  if (word == "kept" || word == "old") {
    found.what = word == "kept" ? put_answer::kind::kept : put_answer::kind::old;
    bool is_whole = read_number(next_word(line), found.marks) && read_number(line, found.lines);
    return is_whole ? std::optional(found) : std::nullopt;
  }
  if (word != "ready") return std::nullopt;
  found.what = put_answer::kind::ready;
  return read_number(line, found.offset) ? std::optional(found) : std::nullopt;
}

copy_failure failure_of_put(const put_answer& answer, std::string_view said) {
  std::string path = shown_path(answer.path);
  for (const failed_word& one : failed_words)
    if (answer.word == one.word) return copy_failure::of_errno(one.number, path);
  if (answer.word == "digest")
    return copy_failure(failure_reason::digest_mismatch,
                        path + ": the SHA-256 of what was written is another one");
  if (answer.word == "short")
    return copy_failure(std::make_error_code(std::errc::broken_pipe),
                        path + ": the end came before the last byte");
  return failure_of_step(answer, said);
}

}  // namespace execo::detail
