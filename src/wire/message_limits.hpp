// What the fields of messages may be at most. A decoder refuses more; an encoder asserts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace execo::detail {

inline constexpr std::size_t name_limit = 255;     // of a host, a user, a zone
inline constexpr std::size_t words_limit = 4'096;  // words of a command or of a connector
inline constexpr std::size_t text_limit = 60'000;  // a command, a word, a folder, a value
/// The text of a command that comes in parts: what a shell of Linux takes where pages are largest.
inline constexpr std::size_t order_limit = 2'097'152;
inline constexpr std::size_t reason_limit = 1'024;  // words for people
inline constexpr std::size_t hosts_limit = 16'384;  // hosts of a work message
inline constexpr std::size_t variables_limit = 4'096;
inline constexpr std::uint32_t image_limit = 16 * 1'048'576;  // bytes of an agent
/// Bytes of a frame of output, input or of an image that leave room for the fields before them, as
/// long as its set of hosts is below `set_limit` encoded.
inline constexpr std::size_t chunk_limit = 32'768;
/// What is kept of each output of a command to be folded, in one block: all that its hosts may say
/// is bounded by it.
inline constexpr std::size_t fold_limit = 16'384;
/// The encoded size of a set at the front of a message: see index_ranges::pieces.
inline constexpr std::size_t set_limit = 16'384;
inline constexpr std::size_t host_key_limit = 1'024;  // of a host in a work message, as text
/// What an ssh says and asks an agent for: keys and signatures, the largest of which are those of
/// RSA certificates; the identifier of a session, and what is to be signed. One message has room
/// for all of it.
inline constexpr std::size_t sign_key_limit = 8'192;
inline constexpr std::size_t sign_session_limit = 256;
inline constexpr std::size_t sign_data_limit = 24'576;
inline constexpr std::size_t sign_answer_limit = 32'768;
/// A message between commands, and what one gives to a reduction as text.
inline constexpr std::size_t talk_limit = 32'768;
inline constexpr std::size_t talk_text_limit = 4'096;
/// Bytes on their way to a command that it has not taken: then who sends to it waits. A message may
/// go while there is any room.
inline constexpr std::size_t talk_window = 65'536;
/// What a message counts of it.
constexpr std::size_t talk_charge(std::size_t bytes) noexcept { return bytes + 64; }
/// The files of a key and of a certificate that agents log in with: that one names users.
inline constexpr std::size_t private_key_limit = 1'024;
inline constexpr std::size_t certificate_limit = 32'768;
/// Hosts with numbers of their own in one message.
inline constexpr std::size_t measured_hosts_limit = 1'024;

}  // namespace execo::detail
