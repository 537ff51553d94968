// The bytes that a put() sends: those of one file as they are, or an archive of all its sources.
// Any part of them can be read at any time, and they are the same each time.
//
// An archive has three members at its top: `data`, with the sources; `list`, with the names of the
// files in it, and of those that an earlier copy has left there, each followed by a NUL; `digest`,
// a line with the SHA-256 of all these files, one after the other in that order. What it does not
// say (who made a file, when) is left out unless it is to be preserved.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "transfer/files_there.hpp"
#include "transfer/source_reader.hpp"
#include "transfer/tar_header.hpp"

namespace execo::detail {

class payload {
 public:
  enum class form : std::uint8_t { file, archive, indexed_archive };

  /// Of what `which` says is sent. Pre: `tree` outlives it; it is one file for form::file.
  payload(const source_tree& tree, form how, bool preserves, const selection& which = {});

  form how() const noexcept { return how_; }
  std::uint64_t size() const noexcept { return size_; }
  /// Where the first byte is that needs the digest.
  std::uint64_t digest_at() const noexcept { return digest_at_; }
  /// Of the contents of all files in their order. Once.
  void set_digest(std::string hex);
  /// Pre: offset + into.size() <= size(); the digest is set if it is in there.
  copy_failure read(std::uint64_t offset, std::span<char> into);

 private:
  // A part of an archive: a header, then contents, then what fills the last block.
  class part {
   public:
    std::uint64_t at;        // from the end of the index on
    std::size_t header;      // bytes of it
    std::uint64_t contents;  // the same
  };
  std::string name_of(std::size_t index) const;
  tar_member member_of(std::size_t index, const std::string& name) const;
  std::string header_of(std::size_t index) const;
  void add_part(std::size_t index);
  copy_failure read_archive(std::uint64_t offset, std::span<char> into);
  copy_failure read_part(std::size_t index, std::uint64_t offset, std::span<char> into);
  copy_failure read_contents(std::size_t index, std::uint64_t offset, std::span<char> into);

  std::string index_line(std::size_t index) const;
  void add_index();

  // The members in front of and behind the entries of the tree.
  std::size_t data_member() const noexcept { return 0; }
  std::size_t list_member() const noexcept { return members_.size() + 1; }
  std::size_t digest_member() const noexcept { return members_.size() + 2; }
  const source_entry& entry_of(std::size_t index) const {
    return tree_.entries[members_[index - 1]];
  }

  const source_tree& tree_;
  form how_;
  bool preserves_;
  std::int64_t now_;
  source_reader reader_;
  std::string list_;
  std::string front_;  // the index, a whole member
  std::string digest_;
  std::vector<part> parts_;
  std::vector<std::size_t> members_;  // the entries that are sent, by their index in the tree
  std::uint64_t size_ = 0;
  std::uint64_t digest_at_ = 0;
};

}  // namespace execo::detail
