#include "wire/talk_request.hpp"

#include "wire/codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

enum class talk_answer : std::uint8_t { sent, message, nothing, reduced, problem };

std::string begin_answer(talk_answer what) {
  return std::string(1, static_cast<char>(static_cast<std::uint8_t>(what)));
}

// Ranges come in any order, and may overlap.
void read_ranks(wire_reader& from, talk_request& into) {
  from.boolean(into.to_all);
  std::uint16_t count = 0;
  from.u16(count);
  if (count > talk_ranges_limit || (count == 0) != into.to_all) return from.fail();
  for (; count > 0 && from.ok(); --count) {
    std::uint32_t first = 0, last = 0;
    from.u32(first);
    from.u32(last);
    if (first > last || last > index_ranges::highest) return from.fail();
    into.to_ranks |= index_ranges(first, last);
  }
}

void read_value(wire_reader& from, talk_request& into) {
  from.choice(into.value.operation, reduce_operation_count);
  from.choice(into.value.kind, reduce_kind_count);
  from.u64(into.value.bits);
  from.rest(into.bytes);
  const reduce_operation what = into.value.operation;
  const bool has_text = what == reduce_operation::histogram || what == reduce_operation::fold;
  if (!into.value.is_number() && (into.value.kind != reduce_kind::integer || into.value.bits != 0))
    from.fail();
  if (has_text ? into.bytes.size() > talk_text_limit : !into.bytes.empty()) from.fail();
}

}  // namespace

std::optional<talk_request> read_talk_request(std::string_view packet) {
  std::optional<talk_request> read(std::in_place);
  wire_reader from(packet);
  from.choice(read->wish, talk_wish_count);
  switch (read->wish) {
    case talk_wish::send:
      read_ranks(from, *read);
      from.rest(read->bytes);
      if (read->bytes.size() > talk_limit) from.fail();
      break;
    case talk_wish::receive:
      from.u32(read->patience_ms);
      break;
    case talk_wish::reduce:
      read_value(from, *read);
      break;
  }
  if (!from.finished()) read.reset();
  return read;
}

std::string talk_sent_answer(std::uint32_t receivers) {
  std::string packet = begin_answer(talk_answer::sent);
  wire_writer(packet).u32(receivers);
  return packet;
}

std::string talk_message_answer(std::uint32_t from, std::string_view bytes) {
  std::string packet = begin_answer(talk_answer::message);
  wire_writer into(packet);
  into.u32(from);
  into.rest(bytes);
  return packet;
}

std::string talk_nothing_answer() { return begin_answer(talk_answer::nothing); }

std::string talk_reduced_answer(const gathered_message& what) {
  if (what.took == 0) return talk_problem_answer(what.text);
  std::string packet = begin_answer(talk_answer::reduced);
  wire_writer into(packet);
  into.u8(static_cast<std::uint8_t>(what.value.operation));
  into.u8(static_cast<std::uint8_t>(what.value.kind));
  into.u64(what.value.bits);
  into.u32(what.took);
  into.rest(what.text);
  return packet;
}

std::string talk_problem_answer(std::string_view words) {
  return begin_answer(talk_answer::problem).append(words);
}

}  // namespace execo::detail
