#include "wire/fault.hpp"

namespace execo::detail {

std::string_view words_of(wire_fault fault) noexcept {
  switch (fault) {
    case wire_fault::none:
      return "nothing is wrong";
    case wire_fault::bad_length:
      return "a frame is longer than allowed";
    case wire_fault::bad_checksum:
      return "a frame has a wrong checksum";
    case wire_fault::bad_sequence:
      return "a frame is missing, repeated or put in";
    case wire_fault::unknown_type:
      return "a frame has an unknown type";
    case wire_fault::wrong_direction:
      return "a frame has a type that this end may not send";
    case wire_fault::bad_flags:
      return "a frame has unknown flags";
    case wire_fault::bad_address:
      return "a frame is about a run or hosts that its type does not have";
    case wire_fault::bad_body:
      return "the body of a frame is none of its type";
    case wire_fault::wrong_moment:
      return "a frame comes at a time that is not its own";
    case wire_fault::wrong_magic:
      return "the other end is no agent of execo";
    case wire_fault::wrong_nonce:
      return "the other end is not the agent that was started";
    case wire_fault::no_common_protocol:
      return "there is no protocol that both ends speak";
    case wire_fault::credit_overdrawn:
      return "a frame exceeds the credit";
    case wire_fault::credit_invalid:
      return "credit is given for more than was sent";
    case wire_fault::foreign_host:
      return "a frame speaks for a host that was not handed to this child";
    case wire_fault::silent:
      return "the other end has been silent for too long";
    case wire_fault::cut_off:
      return "the connection has ended without a goodbye";
    case wire_fault::bad_digest:
      return "bytes are not those of their digest";
    case wire_fault::refused:
      return "the protocol was broken";
  }
  return "an unknown fault";
}

}  // namespace execo::detail
