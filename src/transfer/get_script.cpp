#include "transfer/get_script.hpp"

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
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256
  elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r
  else echo none
  fi | { IFS=' *' read -r first rest; printf %s "$first"; }
}
# What is wanted of the file.
ask() {
  from=0
  case $flags in *q*) ;; *) return ;; esac
  while IFS=' ' read -r word from; do
    case $word in
      from) return ;;
      digest) say sum "$(digest <"$1")" ;;
      nothing)
        say done
        exit 0
        ;;
    esac
  done
  exit 1
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

if [ $# -eq 1 ] && [ -f "$1" ]; then
  size=$(wc -c <"$1") || fail read "$1"
  about=$(stat -L -c '%a %Y' -- "$1" 2>/dev/null || stat -L -f '%Lp %m' -- "$1" 2>/dev/null) ||
    about='- -'
  say file "$((size))" "$about" "$(hex "${1##*/}")"
  ask "$1"
  if [ "$from" = 0 ]; then cat -- "$1"; else tail -c "+$((from + 1))" <"$1"; fi || fail read "$1"
  printf '\n'
  say sum "$(digest <"$1")"
else
  command -v tar >/dev/null 2>&1 || fail no_tar
  for one do
    shift
    while :; do case $one in ?*/) one=${one%/} ;; *) break ;; esac; done
    case ${one##*/} in .|..|'') one=$(cd -- "$one" && pwd -P) || fail read "$one" ;; esac
    case $one in /*) ;; *) one=$PWD/$one ;; esac
    folder=${one%/*}
    set -- "$@" -C "${folder:-/}" "./${one##*/}"
  done
  say tar
  tar -cf - "$@"
  code=$?
  printf '\n'
  case $code in
    0) ;;
    1) fail changed ;;
    *) fail read ;;
  esac
fi
say done
)sh";

namespace {

bool read_name(std::string_view digits, std::string& name) {
  for (; digits.size() >= 2; digits.remove_prefix(2)) {
    unsigned value = 0;
    if (!read_number(digits.substr(0, 2), value, 16)) return false;
    name += static_cast<char>(value);
  }
  bool is_one_name = !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
                     name.find('\0') == name.npos;
  return digits.empty() && is_one_name;
}

bool read_file(std::string_view line, tar_entry& entry) {
  bool is_whole = read_number(next_word(line), entry.size);
  std::string_view mode = next_word(line);
  std::string_view time = next_word(line);
  entry.mode = 0644;
  if (mode != "-") is_whole = is_whole && read_number(mode, entry.mode, 8);
  entry.is_time_known = time != "-";
  if (entry.is_time_known) is_whole = is_whole && read_number(time, entry.modified);
  return is_whole && read_name(line, entry.name);
}

}  // namespace

std::optional<get_answer> read_get_answer(std::string_view line) {
  get_answer found;
  std::string_view word = next_word(line);
  bool is_known = true;
  if (word == "file") {
    found.what = get_answer::kind::file;
    is_known = read_file(line, found.entry);
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
  if (answer.word == "no_tar")
    return copy_failure(std::make_error_code(std::errc::not_supported),
                        "there is no tar, which more than one file needs: install it, or copy the "
                        "files one by one");
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
