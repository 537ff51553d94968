// What an inner node folds: output that several hosts printed alike, and ends that are alike.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
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
  full,        // nothing was taken: flush() and add it again
  apart,       // longer than the table: send it on by itself, with its bytes
  unknown,     // no bytes, and none are held here: send it on as it is, they went up before
  forged,      // the digest is not that of the bytes: the sender breaks the protocol
  unexpected,  // about hosts that were not expected, or have ended: the same
};

/// Holds one copy of each text and the set of hosts that printed it, and gives both out when its
/// time has come. The bytes of a text go up the first time only, as long as the table holds it;
/// every text that comes without bytes has come with them before, and went up then: nobody above
/// lacks it. Equal digests fold nothing unless the bytes are equal too, should they come again.
class fold_table {
 public:
  /// `bytes`: what the table may take. What comes is held for `hold` at most.
  explicit fold_table(std::size_t bytes = 262'144,
                      std::chrono::milliseconds hold = std::chrono::milliseconds(100)) noexcept
      : limit_(bytes), hold_(hold) {}

  /// What comes from now on is held for so long at most.
  void set_hold(std::chrono::milliseconds longest) noexcept { hold_ = longest; }
  std::chrono::milliseconds hold() const noexcept { return hold_; }

  /// The digest of a block.
  static bytes16 digest_of(std::string_view bytes) noexcept { return blake2b128(bytes); }

  /// These hosts run it, and will end. When all of a run have, what is held is due at once.
  void expect(std::uint32_t run, const index_ranges& hosts);

  fold_result add(const folded_message& output, wire_time now);
  /// Pre: the output of these hosts was added, or was sent on, before. Taken, full or unexpected.
  fold_result add(const ended_message& end, wire_time now);

  /// When flush() is due; nothing: not before something is added.
  std::optional<wire_time> due() const noexcept { return due_; }
  bool is_due(wire_time now) const noexcept { return due_ && *due_ <= now; }

  /// Gives what is held: `give(const folded_message&)` for outputs, then `give(const
  /// ended_message&)`. `give` may not use the table.
  template <class Give>
  void flush(Give give) {
    for (text& t : texts_)
      for (const index_ranges& part : std::exchange(t.hosts, {}).pieces(set_limit))
        give(message_of(t, part));
    for (ending& e : ends_)
      for (const ended_message& end : messages_of(e)) give(end);
    flushed();
  }
  /// The run is over: its texts are no longer held, its hosts no longer expected. Pre: it was
  /// flushed.
  void forget(std::uint32_t run);

  /// Bytes of texts, and what the entries take beside.
  std::size_t held() const noexcept { return held_; }

 private:
  class text {
   public:
    explicit text(const folded_message& from);
    std::uint32_t run;
    command_stream stream;
    std::uint64_t offset;
    bytes16 digest;
    std::string bytes;
    index_ranges hosts;     // that nobody above knows yet
    bool is_above = false;  // the bytes went up
  };
  using text_place = std::list<text>::iterator;
  class text_key {
   public:
    template <class Message>
    explicit text_key(const Message& of) noexcept
        : run(of.run), stream(of.stream), offset(of.offset), digest(of.digest) {}
    friend bool operator==(const text_key&, const text_key&) = default;
    std::uint32_t run;
    command_stream stream;
    std::uint64_t offset;
    bytes16 digest;
  };
  class text_hash {
   public:
    std::size_t operator()(const text_key& key) const noexcept;
  };
  /// Ends that are alike, in the order that they came.
  class ending {
   public:
    using measured = std::pair<std::uint32_t, host_measure>;
    explicit ending(const ended_message& like);
    void add(const ended_message& end);
    ended_message about;  // without hosts and measures
    std::vector<measured> hosts;
  };
  class waiting {
   public:
    waiting(std::uint32_t run_, index_ranges hosts_) : run(run_), hosts(std::move(hosts_)) {}
    std::uint32_t run;
    index_ranges hosts;
  };
  using waiting_place = std::vector<waiting>::iterator;

  waiting_place find_waiting(std::uint32_t run) noexcept;
  bool is_expected(std::uint32_t run, const index_ranges& hosts) noexcept;
  void end(std::uint32_t run, const index_ranges& hosts);
  fold_result insert(const folded_message& output, wire_time now);
  bool make_room(std::size_t size);
  void drop(text_place which);
  ending* ending_like(const ended_message& end) noexcept;
  static folded_message message_of(text& t, const index_ranges& hosts);
  static std::vector<ended_message> messages_of(ending& e);
  void hold_since(wire_time now) noexcept;
  void flushed() noexcept;

  std::size_t limit_;
  std::chrono::milliseconds hold_;
  std::list<text> texts_;  // the oldest first
  std::unordered_map<text_key, text_place, text_hash> places_;
  std::vector<ending> ends_;
  std::size_t ends_held_ = 0;
  std::vector<waiting> waiting_;
  std::optional<wire_time> due_;
  std::size_t held_ = 0;
};

}  // namespace execo::detail
