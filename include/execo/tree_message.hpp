/// tree_message, tree_reduction: what commands of a tree say, and agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace execo {

/// A message of one of the commands.
class tree_message {
 public:
  tree_message() = default;
  tree_message(std::size_t from, std::string text) : rank(from), bytes(std::move(text)) {}
  std::size_t rank = 0;  ///< who has sent it: the position of its host in the action, from 1
  std::string bytes;
};

/// What commands do together.
enum class tree_reduce : std::uint8_t { barrier, sum, minimum, maximum, histogram, fold };

/// What it has come to.
class tree_reduction {
 public:
  tree_reduction() = default;
  tree_reduce operation = tree_reduce::barrier;
  std::size_t took = 0;                       ///< commands that took part
  bool is_integer = true;                     ///< all values were: else only `number` is exact
  std::int64_t integer = 0;                   ///< of sum, minimum and maximum
  double number = 0;                          ///< the same
  std::map<std::string, std::size_t> counts;  ///< of a histogram: how often there was each text
  std::string text;                           ///< what the texts of a fold came to
};

}  // namespace execo
