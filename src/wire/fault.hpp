// What may be wrong with what a neighbour in the tree sends. Each fault ends its link, no other.
#pragma once

#include <cstdint>
#include <string_view>

namespace execo::detail {

enum class wire_fault : std::uint8_t {
  none,
  // Found by the frame reader.
  bad_length,       // a body above the limit
  bad_checksum,     // damaged, or not of this protocol
  bad_sequence,     // a frame lost, repeated or put in
  unknown_type,     // a type of no version that we speak
  wrong_direction,  // a type that this end may not send
  bad_flags,        // bits that have no meaning
  // Found by the link.
  bad_address,   // no run, or a host or a set, where the type has none, or the other way round
  bad_body,      // cut short, too long, a count or a value out of bounds
  wrong_moment,  // before the greeting, a second greeting, or behind a goodbye
  wrong_magic,   // the peer is no agent of this project
  wrong_nonce,   // the peer is not the one that was started
  no_common_protocol,  // no version that both speak
  credit_overdrawn,    // data above the credit of the link or of a stream
  credit_invalid,      // credit given for more than was ever sent
  foreign_host,        // speaks for a host that was not handed to it
  // Found by time and by the end of the bytes.
  silent,   // nothing came for the time after which a peer is dead
  cut_off,  // the bytes ended without a goodbye
  // Found by who uses the link.
  bad_digest,  // bytes that are not those of their digest
  refused,     // any other violation: the words say which
};

/// A phrase in plain words, without a full stop: "a frame has a wrong checksum".
std::string_view words_of(wire_fault fault) noexcept;

}  // namespace execo::detail
