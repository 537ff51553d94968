// The receiver of a put(): a fixed text for /bin/sh on the host, and the lines that it is sent and
// that it answers with. It needs mktemp, mv, wc and cat; for more than one file xargs, and tar or
// dd and head; and sha256sum, shasum or openssl to check what was written. Lines `#+NAME` and `#-`
// are around what only a file, or an archive, needs.
//
// It is called as `sh -c TEXT execo-put MARK DEST`. Its input is a line that says what comes, and,
// when it has answered `ready`, the bytes, up to the end of file. Its lines begin with MARK, which
// nothing else on its output does, whatever a login script prints:
//
//   plain              so is, in front of the archive, an index of it: the host has no tar
//   names              so are, before that, the names of the files of an archive
//   kept Y N           Y + N bytes follow, without LF: a list as in files_there.hpp of what an
//                      earlier copy has left of these files
//   old Y N            the same of what has their names
//   ready N            the bytes from N on are wanted
//   unchanged          nothing is: the file is there as it is to be
//   failed WORD PATH   what could not be done; what a tool said is on standard error
//   done               the sources have their names
//
// All is written in a directory beside the target, `.execo-` and some characters, and renamed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transfer/copy_failure.hpp"
#include "transfer/payload.hpp"
#include "transfer/skip_rule.hpp"

namespace execo::detail {

extern const char* const put_script;

class put_settings {
 public:
  bool preserves = false;
  bool resumes = false;
  bool makes_directories = false;
  bool syncs = false;
  skip_rule skip = skip_rule::none;
};

/// The line that says what comes. `key`: the same for the same sources, their digest for a file.
/// `names`: the bytes of the names that can be asked for.
std::string put_header(const source_tree& tree, const payload& bytes, const put_settings& how,
                       std::string_view key, std::size_t names);

class put_answer {
 public:
  enum class kind : std::uint8_t { plain, names, kept, old, ready, unchanged, failed, done };
  kind what = kind::failed;
  std::uint64_t offset = 0;  // of ready
  std::uint64_t marks = 0;   // bytes of a list
  std::uint64_t lines = 0;   // the same
  std::string word;          // of failed
  std::string path;
};

/// A line of the receiver, without its MARK and LF. None: it is none.
std::optional<put_answer> read_put_answer(std::string_view line);

/// What a failed answer means. `said`: the receiver's standard error.
copy_failure failure_of_put(const put_answer& answer, std::string_view said);

/// A word of only letters and digits for any bytes, which `printf %b` turns back: POSIX.1-2008,
/// printf.
std::string escaped_for_printf(std::string_view bytes);

/// As touch -t has it, in UTC. A year before 1969 or after 9999 it has no form for: 1970 then.
std::string touch_time(std::int64_t seconds);

}  // namespace execo::detail
