// What an inner node folds: output that several hosts printed alike, and ends that are alike.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/blake2b.hpp"
#include "wire/codec.hpp"
#include "wire/index_ranges.hpp"
#include "wire/link.hpp"
#include "wire/message_limits.hpp"
#include "wire/messages.hpp"

namespace execo::detail {

enum class fold_result : std::uint8_t {
  taken,
  full,     // nothing was taken: flush() and add it again
  apart,    // longer than the table: send it on by itself, with its bytes
  unknown,  // no bytes, and none are held here: send it on as it is, they went up before
  forged,   // the digest is not that of the bytes: the sender breaks the protocol
};

/// Holds one copy of each text and the set of hosts that printed it, and gives both out when its
/// time has come. The bytes of a text go up the first time only, as long as the table holds it;
/// every text that comes without bytes has come with them before, and went up then: nobody above
/// lacks it. Equal digests fold nothing unless the bytes are equal too.
class fold_table {
 public:
  /// `bytes`: what the texts may take together. What comes is held for `hold` at most.
  explicit fold_table(std::size_t bytes = 262'144,
                      std::chrono::milliseconds hold = std::chrono::milliseconds(100)) noexcept
      : limit_(bytes), hold_(hold) {}

  /// The digest of a block.
  static bytes16 digest_of(std::string_view bytes) noexcept { return blake2b128(bytes); }

  /// These hosts will end: when all of a run have, what is held of it is due at once.
  void expect(std::uint32_t run, const index_ranges& hosts);

  fold_result add(const folded_message& output, wire_time now);
  /// Pre: the output of these hosts was added, or was sent on, before. Never apart, unknown or
  /// forged.
  fold_result add(const ended_message& end, wire_time now);

  /// When flush() has something to give; nothing: not before something is added.
  std::optional<wire_time> due() const noexcept;
  bool is_due(wire_time now) const noexcept;

  /// Gives what is held: `give(const folded_message&)` for outputs, then `give(const
  /// ended_message&)`. What they name is valid until the table is used again.
  template <class Give>
  void flush(Give give) {
    for (text& t : texts_) {
      if (t.hosts.empty()) continue;
      for (const index_ranges& part : t.hosts.pieces(set_limit)) give(message_of(t, part));
      t.hosts.clear();
    }
    for (const ended_message& end : ends_) give(end);
    ends_.clear();
    flushed();
  }
  /// The run is over: its texts are no longer held. Pre: it was flushed.
  void forget(std::uint32_t run);

  /// Bytes of texts, and what the entries take beside.
  std::size_t held() const noexcept { return held_; }

 private:
  class text {
   public:
    text() = default;
    std::uint32_t run = 0;
    command_stream stream = command_stream::output;
    std::uint64_t offset = 0;
    bytes16 digest{};
    std::string bytes;
    index_ranges hosts;     // that nobody above knows yet
    bool is_above = false;  // the bytes went up
  };
  class waiting {
   public:
    waiting(std::uint32_t run_, index_ranges hosts_) : run(run_), hosts(std::move(hosts_)) {}
    std::uint32_t run;
    index_ranges hosts;
  };
  text* find(const folded_message& output) noexcept;
  bool make_room(std::size_t size);
  fold_result insert(const folded_message& output, wire_time now);
  bool merge(const ended_message& end);
  folded_message message_of(text& t, const index_ranges& hosts) const;
  void hold_since(wire_time now) noexcept;
  void flushed() noexcept;

  std::size_t limit_;
  std::chrono::milliseconds hold_;
  std::deque<text> texts_;  // the oldest first
  std::vector<ended_message> ends_;
  std::vector<waiting> waiting_;
  std::optional<wire_time> due_;
  std::size_t held_ = 0;
};

}  // namespace execo::detail
