#include "wire/frame.hpp"

#include <array>
#include <cassert>

#include "base/crc32c.hpp"

namespace execo::detail {

namespace {

constexpr std::size_t length_at = 0;
constexpr std::size_t type_at = 4;
constexpr std::size_t flags_at = 5;
constexpr std::size_t sequence_at = 6;
constexpr std::size_t run_at = 8;
constexpr std::size_t host_at = 12;
constexpr std::size_t checksum_at = 16;

class type_rule {
 public:
  constexpr type_rule() = default;
  constexpr type_rule(frame_type type_, frame_class cost_, frame_address address_,
                      std::string_view name_) noexcept
      : type(type_), cost(cost_), address(address_), name(name_) {}
  frame_type type{};
  frame_class cost = frame_class::link;
  frame_address address = frame_address::nobody;
  std::string_view name;
};

constexpr std::array type_rules{
    type_rule(frame_type::welcome, frame_class::link, frame_address::nobody, "welcome"),
    type_rule(frame_type::connector, frame_class::control, frame_address::nobody, "connector"),
    type_rule(frame_type::image, frame_class::data, frame_address::nobody, "image"),
    type_rule(frame_type::work, frame_class::control, frame_address::nobody, "work"),
    type_rule(frame_type::revoke, frame_class::control, frame_address::hosts, "revoke"),
    type_rule(frame_type::execute, frame_class::control, frame_address::hosts_of_run, "execute"),
    type_rule(frame_type::input, frame_class::data, frame_address::hosts_of_run, "input"),
    type_rule(frame_type::signal, frame_class::control, frame_address::hosts_of_run, "signal"),
    type_rule(frame_type::cancel, frame_class::control, frame_address::hosts_of_run, "cancel"),
    type_rule(frame_type::ping, frame_class::link, frame_address::nobody, "ping"),
    type_rule(frame_type::part, frame_class::control, frame_address::hosts_of_run, "part"),
    type_rule(frame_type::wave, frame_class::control, frame_address::nobody, "wave"),
    type_rule(frame_type::file_order, frame_class::control, frame_address::hosts_of_run,
              "file_order"),
    type_rule(frame_type::file_part, frame_class::data, frame_address::nobody, "file_part"),
    type_rule(frame_type::file_end, frame_class::data, frame_address::nobody, "file_end"),
    type_rule(frame_type::file_none, frame_class::data, frame_address::nobody, "file_none"),
    type_rule(frame_type::file_forget, frame_class::control, frame_address::nobody, "file_forget"),
    type_rule(frame_type::deliver, frame_class::data, frame_address::hosts_of_run, "deliver"),
    type_rule(frame_type::accepted, frame_class::data, frame_address::hosts_of_run, "accepted"),
    type_rule(frame_type::gathered, frame_class::data, frame_address::hosts_of_run, "gathered"),
    type_rule(frame_type::sign_answer, frame_class::control, frame_address::hosts, "sign_answer"),
    type_rule(frame_type::certificate, frame_class::control, frame_address::nobody, "certificate"),
    type_rule(frame_type::hello, frame_class::link, frame_address::nobody, "hello"),
    type_rule(frame_type::steal, frame_class::control, frame_address::nobody, "steal"),
    type_rule(frame_type::returned, frame_class::control, frame_address::hosts, "returned"),
    type_rule(frame_type::host_state, frame_class::control, frame_address::hosts, "host_state"),
    type_rule(frame_type::started, frame_class::control, frame_address::hosts_of_run, "started"),
    type_rule(frame_type::output, frame_class::data, frame_address::host_of_run, "output"),
    type_rule(frame_type::folded, frame_class::data, frame_address::hosts_of_run, "folded"),
    type_rule(frame_type::ended, frame_class::data, frame_address::hosts_of_run, "ended"),
    type_rule(frame_type::pong, frame_class::link, frame_address::nobody, "pong"),
    type_rule(frame_type::answers, frame_class::control, frame_address::hosts, "answers"),
    type_rule(frame_type::file_want, frame_class::control, frame_address::nobody, "file_want"),
    type_rule(frame_type::say, frame_class::data, frame_address::hosts_of_run, "say"),
    type_rule(frame_type::contribute, frame_class::data, frame_address::hosts_of_run, "contribute"),
    type_rule(frame_type::consumed, frame_class::data, frame_address::hosts_of_run, "consumed"),
    type_rule(frame_type::sign_ask, frame_class::control, frame_address::hosts, "sign_ask"),
    type_rule(frame_type::credit, frame_class::control, frame_address::credit, "credit"),
    type_rule(frame_type::goodbye, frame_class::link, frame_address::nobody, "goodbye"),
};

constexpr std::uint8_t no_rule = 0xff;

constexpr std::array<std::uint8_t, 256> make_rule_places() {
  std::array<std::uint8_t, 256> places{};
  for (std::uint8_t& place : places) place = no_rule;
  for (std::size_t i = 0; i < type_rules.size(); ++i)
    places[static_cast<std::uint8_t>(type_rules[i].type)] = static_cast<std::uint8_t>(i);
  return places;
}

constexpr std::array<std::uint8_t, 256> rule_places = make_rule_places();

const type_rule& rule_of(frame_type type) noexcept {
  assert(is_known(type));
  return type_rules[rule_places[static_cast<std::uint8_t>(type)]];
}

template <class Integer>
Integer number_in(const char* header, std::size_t at) noexcept {
  Integer value = 0;
  for (std::size_t i = sizeof value; i-- > 0;)
    value = static_cast<Integer>((std::uint64_t{value} << 8) |
                                 static_cast<unsigned char>(header[at + i]));
  return value;
}

template <class Integer>
void put_number(char* header, std::size_t at, Integer value) noexcept {
  for (std::size_t i = 0; i < sizeof value; ++i, value = static_cast<Integer>(value >> 8))
    header[at + i] = static_cast<char>(value & 0xff);
}

std::uint32_t checksum_of(std::string_view whole) noexcept {
  constexpr std::string_view in_place_of_it("\0\0\0\0", 4);
  const std::uint32_t header = crc32c(in_place_of_it, crc32c(whole.substr(0, checksum_at)));
  return crc32c(whole.substr(frame_header_size), header);
}

std::size_t whole_size(const char* header) noexcept {
  return frame_header_size + number_in<std::uint32_t>(header, length_at);
}

}  // namespace

bool is_known(frame_type type) noexcept {
  return rule_places[static_cast<std::uint8_t>(type)] != no_rule;
}

bool may_flow(frame_type type, flow direction) noexcept {
  const unsigned bits = static_cast<std::uint8_t>(type) >> 6;
  return bits == 2 || bits == (direction == flow::up ? 1U : 0U);
}

frame_class class_of(const frame& f) noexcept {
  if (f.type == frame_type::credit && f.run == 0) return frame_class::link;
  return rule_of(f.type).cost;
}
frame_address address_of(frame_type type) noexcept { return rule_of(type).address; }
std::string_view name_of(frame_type type) noexcept { return rule_of(type).name; }

bool is_addressed_right(const frame& f) noexcept {
  const bool has_host = f.host != no_host;
  switch (address_of(f.type)) {
    case frame_address::nobody:
      return f.run == 0 && !has_host;
    case frame_address::hosts:
      return f.run == 0;
    case frame_address::hosts_of_run:
      return f.run != 0;
    case frame_address::host_of_run:
      return f.run != 0 && has_host;
    case frame_address::credit:
      return (f.run != 0) == has_host;
  }
  return false;
}

std::size_t begin_frame(std::string& into, const frame& about) {
  const std::size_t at = into.size();
  into.append(frame_header_size, '\0');
  char* header = into.data() + at;
  header[type_at] = static_cast<char>(about.type);
  put_number(header, run_at, about.run);
  put_number(header, host_at, about.host);
  return at;
}

void set_body_size(std::string& bytes, std::size_t at, std::size_t size) noexcept {
  assert(size <= frame_body_limit && at + frame_header_size <= bytes.size());
  put_number(bytes.data() + at, length_at, static_cast<std::uint32_t>(size));
}

std::size_t frame_size_at(const std::string& bytes, std::size_t at) noexcept {
  assert(at + frame_header_size <= bytes.size());
  return whole_size(bytes.data() + at);
}

void seal_frame(std::string& into, std::size_t at, std::uint16_t sequence) noexcept {
  const std::size_t body = into.size() - at - frame_header_size;
  set_body_size(into, at, body);
  char* header = into.data() + at;
  put_number(header, sequence_at, sequence);
  put_number(header, checksum_at, checksum_of(std::string_view(into).substr(at)));
}

void append_frame(std::string& into, const frame& f, std::uint16_t sequence) {
  const std::size_t at = begin_frame(into, f);
  into.append(f.body);
  seal_frame(into, at, sequence);
}

std::optional<frame> frame_reader::next(std::string_view& bytes) {
  if (fault_ != wire_fault::none) return std::nullopt;
  if (given_) drop_given();
  if (held_.empty() && bytes.size() >= frame_header_size) {
    if (!accept_header(bytes.data())) return std::nullopt;
    const std::size_t size = whole_size(bytes.data());
    if (bytes.size() >= size) {
      const std::string_view whole = bytes.substr(0, size);
      bytes.remove_prefix(size);
      return open(whole);
    }
  }
  return next_held(bytes);
}

std::optional<frame> frame_reader::next_held(std::string_view& bytes) {
  if (!hold(bytes, frame_header_size)) return std::nullopt;
  if (!accept_header(held_.data())) return std::nullopt;
  if (!hold(bytes, whole_size(held_.data()))) return std::nullopt;
  given_ = true;
  return open(held_);
}

// A leaf has one link and thousands of leaves share a machine in tests: a long frame is not paid
// for again while short ones come.
void frame_reader::drop_given() {
  constexpr std::size_t kept = 4'096;
  given_ = false;
  if (held_.capacity() > kept)
    held_ = std::string();
  else
    held_.clear();
}

bool frame_reader::hold(std::string_view& bytes, std::size_t size) {
  if (held_.size() < size) {
    const std::string_view part = bytes.substr(0, size - held_.size());
    held_.reserve(size);
    held_.append(part);
    bytes.remove_prefix(part.size());
  }
  return held_.size() >= size;
}

bool frame_reader::accept_header(const char* header) noexcept {
  const auto type = static_cast<frame_type>(header[type_at]);
  if (number_in<std::uint32_t>(header, length_at) > frame_body_limit)
    fault_ = wire_fault::bad_length;
  else if (!is_known(type))
    fault_ = wire_fault::unknown_type;
  else if (!may_flow(type, from_))
    fault_ = wire_fault::wrong_direction;
  else if (header[flags_at] != 0)
    fault_ = wire_fault::bad_flags;
  else if (number_in<std::uint16_t>(header, sequence_at) != sequence_)
    fault_ = wire_fault::bad_sequence;
  return fault_ == wire_fault::none;
}

std::optional<frame> frame_reader::open(std::string_view whole) {
  if (number_in<std::uint32_t>(whole.data(), checksum_at) != checksum_of(whole)) {
    fault_ = wire_fault::bad_checksum;
    return std::nullopt;
  }
  ++sequence_;
  return frame(static_cast<frame_type>(whole[type_at]),
               number_in<std::uint32_t>(whole.data(), run_at),
               number_in<std::uint32_t>(whole.data(), host_at), whole.substr(frame_header_size));
}

}  // namespace execo::detail
