#include "wire/run_messages.hpp"

#include <array>

#include "base/hex.hpp"
#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr std::uint8_t highest_signal = 64;
constexpr std::uint32_t highest_exit_code = 255;

constexpr auto variable_fields = [](auto& c, auto& variable) {
  c.word(variable.first, text_limit);
  c.word(variable.second, text_limit);
  require(c, !variable.first.empty() && variable.first.find('=') == std::string::npos);
};

// Bytes both ways, and nothing else.
constexpr auto connection_rules = [](auto& c, auto& m) {
  constexpr auto input = static_cast<std::uint8_t>(execute_flag::input);
  require(c, m.words.size() == 1 && is_connection_word(m.words.front()) && m.flags == input &&
                 m.directory.empty() && m.environment.empty());
};

constexpr auto execute_fields = [](auto& c, auto& m) {
  c.choice(m.form, command_form_count);
  c.list(m.words, words_limit, [](auto& coder, auto& word) { coder.word(word, text_limit); });
  require(c, m.form == command_form::text ? m.words.size() == 1 : !m.words.empty());
  c.word(m.directory, text_limit);
  c.list(m.environment, variables_limit, variable_fields);
  c.u8(m.flags);
  require(c, (m.flags & ~execute_flags_all) == 0);
  if (m.form == command_form::connection) connection_rules(c, m);
  c.u64(m.output_cap);
  c.u64(m.error_cap);
  c.u32(m.kill_grace_ms);
  c.u32(m.idle_limit_ms);
  c.u32(m.run_limit_ms);
  c.u16(m.rows);
  c.u16(m.columns);
  c.u32(m.rank_shift);
  c.u32(m.count);
  c.varint(m.talk);
  c.varint(m.ranks);
  require(c, m.has(execute_flag::talk) == (m.talk != 0) && (m.talk != 0 || m.ranks == 0));
  c.u32(m.more);
  require(c, m.more == 0 || (m.form == command_form::text && m.words.size() == 1 &&
                             m.more <= order_limit - m.words.front().size()));
};

constexpr auto part_fields = [](auto& c, auto& m) {
  c.rest(m.bytes);
  require(c, !m.bytes.empty());
};

constexpr auto input_fields = [](auto& c, auto& m) {
  c.boolean(m.end);
  c.rest(m.bytes);
  require(c, m.end || !m.bytes.empty());
};

constexpr auto signal_fields = [](auto& c, auto& m) {
  c.u8(m.number);
  require(c, m.number <= highest_signal);
};

constexpr auto no_fields = [](auto& /*c*/, auto& /*m*/) {};

constexpr auto started_fields = [](auto& c, auto& m) { c.u32(m.after_us); };

// Nothing is printed into an input, and no stream is longer than its offsets can tell.
constexpr auto block_fields = [](auto& c, auto& m) {
  c.choice(m.stream, command_stream_count);
  require(c, m.stream != command_stream::input);
  c.varint(m.offset);
};

constexpr auto output_fields = [](auto& c, auto& m) {
  block_fields(c, m);
  c.rest(m.bytes);
  require(c, !m.bytes.empty() && m.offset + m.bytes.size() > m.offset);
};

constexpr auto folded_fields = [](auto& c, auto& m) {
  block_fields(c, m);
  c.raw(m.digest);
  c.boolean(m.has_bytes);
  c.rest(m.bytes);
  require(c, m.bytes.size() <= chunk_limit && (m.has_bytes || m.bytes.empty()));
  require(c, m.offset % chunk_limit == 0 && m.offset + chunk_limit > m.offset);
};

bool has_counts_of(const host_measure& one, const host_measure& other) noexcept {
  return one.output == other.output && one.errors == other.errors &&
         one.output_dropped == other.output_dropped && one.errors_dropped == other.errors_dropped;
}

void copy_counts(const host_measure& /*from*/, const host_measure& /*to*/) noexcept {}
void copy_counts(const host_measure& from, host_measure& to) noexcept {
  to.output = from.output;
  to.errors = from.errors;
  to.output_dropped = from.output_dropped;
  to.errors_dropped = from.errors_dropped;
}

constexpr auto count_fields = [](auto& c, auto& m) {
  c.varint(m.output);
  c.varint(m.errors);
  c.varint(m.output_dropped);
  c.varint(m.errors_dropped);
  require(c, m.output_dropped <= m.output && m.errors_dropped <= m.errors);
};

// Hosts that end alike have mostly printed alike.
constexpr auto measures_fields = [](auto& c, auto& measures) {
  host_measure before;
  c.list(measures, measured_hosts_limit, [&before](auto& coder, auto& one) {
    coder.varint(one.elapsed_us);
    bool is_same = has_counts_of(one, before);
    coder.boolean(is_same);
    if (is_same)
      copy_counts(before, one);
    else
      count_fields(coder, one);
    require(coder, is_same || !has_counts_of(one, before));
    before = one;
  });
};

bool is_end(command_end how, std::uint32_t code) noexcept {
  switch (how) {
    case command_end::exited:
      return code <= highest_exit_code;
    case command_end::signaled:
      return code >= 1 && code <= highest_signal;
    default:
      return true;
  }
}

constexpr auto ended_fields = [](auto& c, auto& m) {
  c.choice(m.how, command_end_count);
  c.varint(m.code);
  require(c, is_end(m.how, m.code));
  c.boolean(m.forced);
  c.boolean(m.whole);
  c.text(m.text, reason_limit);
  measures_fields(c, m.measures);
  require(c, m.measures.size() == m.hosts.count());
};

}  // namespace

std::string connection_word(std::uint16_t port, std::string_view address) {
  const std::array<char, 2> high_first{static_cast<char>(port >> 8), static_cast<char>(port)};
  return hex_of(high_first) + hex_of(address);
}

bool is_connection_word(std::string_view word) noexcept {
  constexpr std::size_t port = 4, v4 = 8, v6 = 32;
  return (word.size() == port + v4 || word.size() == port + v6) &&
         word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void execute_message::encode(wire_writer& body) const {
  encode_message(body, *this, execute_fields);
}
std::optional<execute_message> execute_message::decode(const frame& from) {
  return decode_message<execute_message>(from, execute_fields);
}

void part_message::encode(wire_writer& body) const { encode_message(body, *this, part_fields); }
std::optional<part_message> part_message::decode(const frame& from) {
  return decode_message<part_message>(from, part_fields);
}

void input_message::encode(wire_writer& body) const { encode_message(body, *this, input_fields); }
std::optional<input_message> input_message::decode(const frame& from) {
  return decode_message<input_message>(from, input_fields);
}

void signal_message::encode(wire_writer& body) const { encode_message(body, *this, signal_fields); }
std::optional<signal_message> signal_message::decode(const frame& from) {
  return decode_message<signal_message>(from, signal_fields);
}

void cancel_message::encode(wire_writer& body) const { encode_message(body, *this, no_fields); }
std::optional<cancel_message> cancel_message::decode(const frame& from) {
  return decode_message<cancel_message>(from, no_fields);
}

void started_message::encode(wire_writer& body) const {
  encode_message(body, *this, started_fields);
}
std::optional<started_message> started_message::decode(const frame& from) {
  return decode_message<started_message>(from, started_fields);
}

void output_message::encode(wire_writer& body) const { encode_message(body, *this, output_fields); }
std::optional<output_message> output_message::decode(const frame& from) {
  return decode_message<output_message>(from, output_fields);
}

void folded_message::encode(wire_writer& body) const { encode_message(body, *this, folded_fields); }
std::optional<folded_message> folded_message::decode(const frame& from) {
  return decode_message<folded_message>(from, folded_fields);
}

void ended_message::encode(wire_writer& body) const { encode_message(body, *this, ended_fields); }
std::optional<ended_message> ended_message::decode(const frame& from) {
  return decode_message<ended_message>(from, ended_fields);
}

}  // namespace execo::detail
