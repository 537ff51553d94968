// What the command lines of `execo put` and `execo get` say about the copy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "execo/transfer.hpp"

namespace execo::cli {

class copy_arguments {
 public:
  enum class direction : std::uint8_t { none, put, get };

  copy_arguments() = default;
  direction way = direction::none;  // none: a command is run
  std::vector<std::string> sources;
  std::string destination;
  bool preserves = false;
  bool by_sftp = false;
  bool resumes = false;
  bool makes_directories = false;
  bool syncs = false;
  std::optional<unchanged> skip;
  std::uint64_t rate_in_all = 0;
  std::uint64_t rate_of_each = 0;
  std::uint64_t max_size_in_all = 0;  // of a get
  std::uint64_t max_size_of_each = 0;

  bool given() const noexcept { return way != direction::none; }
};

}  // namespace execo::cli
