// The sender of a get(): a fixed text for /bin/sh on the host, and the lines of its output. It
// needs cat, wc and od; sha256sum, shasum or openssl, where there is one, to notice a file that is
// changed meanwhile. Several files come as a tar archive, where there is a tar and none of them is
// asked about; else one by one, which costs a host some milliseconds each.
//
// It is called as `sh -c TEXT execo-get MARK FLAGS PATH...`. Lines that begin with MARK are its
// own:
//
//   file N MODE TIME NAME   N bytes of a file follow; NAME is in two hexadecimal digits a
//                           byte, or as it is behind a `=`
//   tar                     a tar archive follows
//   entries                 these lines follow, for the files in directories one by one:
//   inner N MODE TIME NAME      as `file`; NAME is a path
//   directory N MODE TIME NAME  what is in it comes later; N says nothing
//   link TARGET NAME            both as names
//   sum HEX                 what was sent has this SHA-256; "none": there is no program for it
//   failed WORD PATH        what could not be done; what a tool said is on standard error
//   done                    all was sent
//
// With the flag `q` it reads what is wanted of a file before it sends it:
//
//   digest    a sum line, and it reads on
//   from N    the bytes from N on
//   nothing   none: it is there
//
// With the flags `sN` a file of more than N bytes is sent once that is wanted: its sum comes behind
// its line, then `from 0` or `nothing` is read. So is `from 0` before an archive.
//
// MODE is in octal digits and TIME in seconds, each "-" where the host has no stat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "transfer/copy_failure.hpp"
#include "transfer/tar_reader.hpp"

namespace execo::detail {

extern const char* const get_script;

// FLAGS
constexpr const char* get_asks = "q";
constexpr const char* get_asks_nothing = "-";
constexpr const char* get_asks_above = "s";  // and a number

class get_answer {
 public:
  enum class kind : std::uint8_t { file, tar, entries, entry, sum, failed, done };
  kind what = kind::failed;
  tar_entry entry;   // of a file, or another entry
  std::string word;  // of failed, and the digits of a sum
  std::string path;
};

/// A line of the sender, without its MARK and LF. None: it is none.
std::optional<get_answer> read_get_answer(std::string_view line);

/// What a failed answer means. `said`: the sender's standard error.
copy_failure failure_of_get(const get_answer& answer, std::string_view said);

}  // namespace execo::detail
