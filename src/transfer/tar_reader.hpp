// Reads a tar archive piece by piece, as it comes: ustar, pax, and the long names and large numbers
// of GNU. What a foreign host sends is not trusted: names are handed on as they are.
//
//   state     meaning                                    leaves by
//   header    the block of a member is not complete      a block: extra, contents, header or over
//   extra     a long name or pax records come            their end: header
//   contents  those of a file come                       their end: header
//   over      the end of the archive was there
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "transfer/copy_failure.hpp"
#include "transfer/tar_header.hpp"

namespace execo::detail {

class tar_entry {
 public:
  enum class kind : std::uint8_t { file, directory, link, hard_link };
  kind what = kind::file;
  std::string name;
  std::string target;  // of both kinds of link
  std::uint64_t size = 0;
  unsigned mode = 0;
  std::int64_t modified = 0;
  bool is_time_known = true;
};

class tar_receiver {
 public:
  /// A member; contents follow if it is a file.
  virtual copy_failure on_entry(const tar_entry& entry) = 0;
  virtual copy_failure on_contents(std::span<const char> bytes) = 0;
  /// The contents of the file are complete.
  virtual copy_failure on_contents_end() = 0;

 protected:
  ~tar_receiver() = default;
};

class tar_reader {
 public:
  explicit tar_reader(tar_receiver& to) noexcept : to_(to) {}

  /// Takes bytes up to the end of the archive, or all. A failure is that of the receiver, or says
  /// what is wrong with the archive.
  copy_failure feed(std::span<const char>& bytes);
  bool over() const noexcept { return state_ == state::over; }

 private:
  enum class state : std::uint8_t { header, extra, contents, over };

  copy_failure read_block();
  copy_failure begin_member(char type);
  copy_failure begin_extra(char type);
  copy_failure end_extra();
  copy_failure read_pax();
  copy_failure take_contents(std::span<const char>& bytes);
  void skip_padding(std::span<const char>& bytes) noexcept;
  void end_member();

  tar_receiver& to_;
  std::array<char, tar_block> block_;
  std::size_t filled_ = 0;  // of the block
  tar_entry entry_;
  std::string extra_;
  char extra_type_ = 0;
  std::uint64_t left_ = 0;   // of contents or extra
  std::size_t padding_ = 0;  // behind them
  // From pax records or GNU's members in front of it.
  std::optional<std::string> name_;
  std::optional<std::string> target_;
  std::optional<std::uint64_t> size_;
  std::optional<std::int64_t> modified_;
  state state_ = state::header;
};

}  // namespace execo::detail
