#include "transfer/get_script.hpp"

#include "base/entry_name.hpp"
#include "transfer/line_words.hpp"

namespace execo::detail {

const char* const get_script = R"sh(LC_ALL=C; export LC_ALL
mark=$1 flags=$2
shift 2
say() {
  IFS=' '
  printf '%s %s\n' "$mark" "$*"
}
fail() {
  say failed "$@"
  exit 1
}
# Most names need no program.
coded() {
  case $1 in
    *[!A-Za-z0-9._/-]*) coded=$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n') ;;
    *) coded==$1 ;;
  esac
}
digest() {
  if command -v sha256sum >/dev/null 2>&1; then found=$(sha256sum)
  elif command -v shasum >/dev/null 2>&1; then found=$(shasum -a 256)
  elif command -v openssl >/dev/null 2>&1; then found=$(openssl dgst -sha256 -r)
  else found=none
  fi
  found=${found%%[ *]*}
}

# What is wanted of the file.
ask() {
  from=0 told=
  case $flags in
    *q*) ;;
    s*)
      if [ "${about%% *}" -le "${flags#s}" ]; then return; fi
      digest <"$1"
      told=1
      say sum "$found"
      ;;
    *) return ;;
  esac
  while IFS=' ' read -r word from; do
    case $word in
      from) return ;;
      digest)
        digest <"$1"
        say sum "$found"
        ;;
      nothing)
        from=none
        return
        ;;
    esac
  done
  exit 1
}
look_at() {
  about=$(stat -L -c '%s %a %Y' -- "$1" 2>/dev/null ||
    stat -L -f '%z %Lp %m' -- "$1" 2>/dev/null) || {
    size=0
    if [ -f "$1" ]; then size=$(wc -c <"$1") || fail read "$1"; fi
    about="$((size)) - -"
  }
}
send() {
  if [ ! -r "$2" ]; then
    (: <"$2")
    fail read "$2"
  fi
  look_at "$2"
  coded "$3"
  say "$1" "$about" "$coded"
  ask "$2"
  case $from in
    none) return ;;
    0) cat -- "$2" ;;
    *) tail -c "+$((from + 1))" <"$2" ;;
  esac || fail read "$2"
  printf '\n'
  if [ -z "$told" ]; then digest <"$2"; fi
  say sum "$found"
}
walk() {
  if [ -L "$1" ] && [ -z "$top" ]; then
    to=$(readlink "$1" && echo x) || fail read "$1"
    coded "${to%?x}"
    to=$coded
    coded "$2"
    say link "$to" "$coded"
  elif [ -f "$1" ]; then
    send inner "$1" "$2"
  elif [ -d "$1" ]; then
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then
      ls -- "$1/." >&2
      fail read "$1"
    fi
    look_at "$1"
    coded "$2"
    say directory "$about" "$coded"
    top=
    for one in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -e "$one" ] || [ -L "$one" ]; then walk "$one" "$2/${one##*/}"; fi
    done
  fi
}

for given do
  shift
  case $given in
    '~') given=$HOME ;;
    '~/'*) given=$HOME/${given#??} ;;
    -*) given=./$given ;;
  esac
  if [ -e "$given" ] || [ -L "$given" ]; then
    set -- "$@" "$given"
    continue
  fi
  IFS=
  for found in $given; do
    if [ ! -e "$found" ] && [ ! -L "$found" ]; then
      ls -d -- "$found" >&2
      fail look "$found"
    fi
    set -- "$@" "$found"
  done
done

way=entries
case $flags in
  *q*) ;;
  *) if command -v tar >/dev/null 2>&1; then way=tar; fi ;;
esac
if [ $# -eq 1 ] && [ -f "$1" ]; then
  send file "$1" "${1##*/}"
else
  for one do
    shift
    while :; do case $one in ?*/) one=${one%/} ;; *) break ;; esac; done
    case ${one##*/} in .|..|'') one=$(cd -- "$one" && pwd -P) || fail read "$one" ;; esac
    case $one in /*) ;; *) one=$PWD/$one ;; esac
    folder=${one%/*}
    case $way in
      tar) set -- "$@" -C "${folder:-/}" "./${one##*/}" ;;
      *) set -- "$@" "$one" ;;
    esac
  done
  say "$way"
  if [ "$way" = tar ]; then
    case $flags in s*) read -r from || exit 1 ;; esac
    tar -cf - "$@"
    code=$?
    printf '\n'
    case $code in
      0) ;;
      1) fail changed ;;
      *) fail read ;;
    esac
  else
    for one do
      top=1
      walk "$one" "${one##*/}"
    done
  fi
fi
say done
)sh";

namespace {

bool read_bytes(std::string_view digits, std::string& name) {
  if (digits.starts_with('=')) {
    name = digits.substr(1);
    return !name.empty();
  }
  for (; digits.size() >= 2; digits.remove_prefix(2)) {
    unsigned value = 0;
    if (!read_number(digits.substr(0, 2), value, 16)) return false;
    name += static_cast<char>(value);
  }
  return digits.empty() && !name.empty() && name.find('\0') == name.npos;
}

bool read_link(std::string_view line, tar_entry& entry) {
  entry.what = tar_entry::kind::link;
  return read_bytes(next_word(line), entry.target) && read_bytes(line, entry.name);
}

bool read_entry(std::string_view line, tar_entry& entry) {
  bool is_whole = read_number(next_word(line), entry.size);
  if (entry.what == tar_entry::kind::directory) entry.size = 0;
  std::string_view mode = next_word(line);
  std::string_view time = next_word(line);
  entry.mode = entry.what == tar_entry::kind::directory ? 0755 : 0644;
  if (mode != "-") is_whole = is_whole && read_number(mode, entry.mode, 8);
  entry.is_time_known = time != "-";
  if (entry.is_time_known) is_whole = is_whole && read_number(time, entry.modified);
  return is_whole && read_bytes(line, entry.name);
}

}  // namespace

std::optional<get_answer> read_get_answer(std::string_view line) {
  get_answer found;
  std::string_view word = next_word(line);
  bool is_known = true;
  if (word == "file") {
    found.what = get_answer::kind::file;
    is_known = read_entry(line, found.entry) && is_entry_name(found.entry.name);
  } else if (word == "inner") {
    found.what = get_answer::kind::file;
    is_known = read_entry(line, found.entry);
  } else if (word == "directory") {
    found.what = get_answer::kind::entry;
    found.entry.what = tar_entry::kind::directory;
    is_known = read_entry(line, found.entry);
  } else if (word == "link") {
    found.what = get_answer::kind::entry;
    is_known = read_link(line, found.entry);
  } else if (word == "entries") {
    found.what = get_answer::kind::entries;
  } else if (word == "tar") {
    found.what = get_answer::kind::tar;
  } else if (word == "done") {
    found.what = get_answer::kind::done;
  } else if (word == "sum") {
    found.what = get_answer::kind::sum;
    found.word = line;
  } else if (word == "failed") {
    found.word = next_word(line);
    found.path = line;
  } else {
    is_known = false;
  }
  return is_known ? std::optional(std::move(found)) : std::nullopt;
}

copy_failure failure_of_get(const get_answer& answer, std::string_view said) {
  std::string path = shown_path(answer.path);
  copy_failure found = failure_of_tool(said);
  if (answer.word == "changed") {
    found.reason = failure_reason::source_changed;
    if (found.context.empty()) found.context = "a file was changed while it was read";
    return found;
  }
  std::string step = answer.word + (path.empty() ? "" : " " + path);
  found.context = found.context.empty() ? step : step + ": " + found.context;
  return found;
}

}  // namespace execo::detail
