// What commands give to barriers and reductions on its way up, at an agent: that of all below it
// goes on as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "wire/index_ranges.hpp"
#include "wire/message_limits.hpp"
#include "wire/talk_messages.hpp"

namespace execo::detail {

/// Pure. Talks are numbers. Values of one operation are joined, equal texts of a histogram have one
/// set of hosts; texts of a fold are the root's to join.
class reduction_table {
 public:
  /// False if it breaks the protocol: one of the hosts has given before, and has heard of no result
  /// since.
  bool add(const contribute_message& what);
  /// These hosts wait for a result no more. True: one of them has given, what is held of the talk
  /// is to go before more is said of it.
  bool drop(std::uint32_t talk, const index_ranges& hosts);
  /// Something is held that waits for none of `open`, the hosts that may give, or is too much.
  bool is_due(std::uint32_t talk, const index_ranges& open) noexcept;
  /// Gives what is held of the talk: `give(const contribute_message&)`.
  template <class Give>
  void flush(std::uint32_t talk, Give give) {
    for (const contribution& one : take(talk)) {
      contribute_message message;
      message.run = talk;
      message.value = one.value;
      message.text = one.text;
      for (index_ranges& piece : one.hosts.pieces(set_limit)) {
        message.hosts = std::move(piece);
        give(message);
        // It is of all pieces, and is counted once.
        if (message.value.operation == reduce_operation::sum) message.value.bits = 0;
      }
    }
  }

 private:
  class contribution {
   public:
    reduce_value value;
    std::string text;
    index_ranges hosts;
  };
  class entry {
   public:
    std::uint32_t talk = 0;
    index_ranges given;              // who waits for a result
    std::vector<contribution> held;  // what of that has not gone up
    std::size_t size = 0;            // of their texts
  };

  entry* find(std::uint32_t talk) noexcept;
  std::vector<contribution> take(std::uint32_t talk);
  void forget_if_empty(const entry& which);

  std::vector<entry> talks_;
};

}  // namespace execo::detail
