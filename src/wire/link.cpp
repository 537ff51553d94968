#include "wire/link.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

// As much is sealed at once: a write(2) of a pipe takes no more.
constexpr std::size_t output_chunk = 65'536;

std::string words_about(const frame& f) {
  std::string words(name_of(f.type));
  if (f.run != 0) words += " of run " + std::to_string(f.run);
  if (f.host != no_host) words += ", host " + std::to_string(f.host);
  return words;
}

std::string words_of_range(std::uint16_t lowest, std::uint16_t highest) {
  return std::to_string(lowest) + " to " + std::to_string(highest);
}

bool has_magic(const frame& hello) noexcept {
  wire_reader body(hello.body);
  std::uint32_t magic = 0;
  body.u32(magic);
  return body.ok() && magic == hello_message::right_magic;
}

// What a credit frame can say at once.
std::uint32_t credit_at_once(std::uint64_t bytes) noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 0xffff'ffff));
}

}  // namespace

link::link(side which, wire_time now, link_limits limits)
    : side_(which),
      reader_(which == side::parent ? flow::up : flow::down),
      limits_(limits),
      heard_(now),
      spoke_(now),
      pinged_(now) {}

link link::to_child(const bytes16& nonce, welcome_message welcome, wire_time now,
                    link_limits limits) {
  link made(side::parent, now, limits);
  made.nonce_ = nonce;
  made.served_ = index_ranges(welcome.index);
  made.welcome_ = std::move(welcome);
  return made;
}

link link::to_parent(const hello_message& hello, wire_time now, link_limits limits) {
  link made(side::child, now, limits);
  made.put(hello);
  return made;
}

// --- bytes that come ---

std::optional<frame> link::next(std::string_view& bytes, wire_time now) {
  while (!is_over()) {
    const std::optional<frame> f = reader_.next(bytes);
    if (!f && reader_.fault() != wire_fault::none) fail(reader_.fault(), {});
    if (!f) break;
    if (const wire_fault fault = fault_in(*f); fault != wire_fault::none) {
      fail(fault, words_about(*f));
      break;
    }
    heard_ = now;
    charge(*f);
    if (!take_link_frame(*f) && state_ != link_state::failed) return f;
  }
  return std::nullopt;
}

wire_fault link::fault_in(const frame& f) const {
  if (!is_its_moment(f.type)) return wire_fault::wrong_moment;
  if (!is_addressed_right(f)) return wire_fault::bad_address;
  const frame_class cost = class_of(f);
  if (cost == frame_class::data && !receiving_.is_open()) return wire_fault::credit_overdrawn;
  if (cost == frame_class::control && !receiving_control_.is_open())
    return wire_fault::credit_overdrawn;
  return side_ == side::parent ? fault_in_hosts(f) : wire_fault::none;
}

bool link::is_its_moment(frame_type type) const noexcept {
  const bool greets = type == frame_type::hello || type == frame_type::welcome;
  if (state_ == link_state::greeting) return greets || type == frame_type::goodbye;
  return !greets && (speaks() || state_ == link_state::left);
}

// The set, if there is one, is at the front of the body whatever the type.
wire_fault link::fault_in_hosts(const frame& f) const {
  if (f.host != no_host)
    return served_.contains(f.host) ? wire_fault::none : wire_fault::foreign_host;
  const frame_address address = address_of(f.type);
  if (address != frame_address::hosts && address != frame_address::hosts_of_run)
    return wire_fault::none;
  wire_reader body(f.body);
  index_ranges hosts;
  hosts.decode(body);
  if (hosts.empty()) return wire_fault::bad_body;
  return served_.contains(hosts) ? wire_fault::none : wire_fault::foreign_host;
}

void link::charge(const frame& f) noexcept {
  switch (class_of(f)) {
    case frame_class::link:
      return;
    case frame_class::control:
      return receiving_control_.take(f.size());
    case frame_class::data:
      return receiving_.take(f.size());
  }
}

bool link::take_link_frame(const frame& f) {
  switch (f.type) {
    case frame_type::hello:
      return take_hello(f), false;
    case frame_type::welcome:
      return take_welcome(f), false;
    case frame_type::goodbye:
      return take_goodbye(f), false;
    case frame_type::pong:
      return take_pong(f), true;
    case frame_type::ping:
      return take_ping(f), true;
    case frame_type::credit:
      return f.run == 0 ? (take_credit(f), true) : false;
    default:
      return false;
  }
}

void link::take_hello(const frame& f) {
  if (!has_magic(f)) return fail(wire_fault::wrong_magic, {});
  const std::optional<hello_message> hello = hello_message::decode(f);
  if (!hello) return fail(wire_fault::bad_body, words_about(f));
  if (hello->nonce != nonce_) return fail(wire_fault::wrong_nonce, {});
  const std::uint16_t protocol = std::min(hello->protocol_max, protocol_highest);
  if (protocol < std::max(hello->protocol_min, protocol_lowest))
    return fail(wire_fault::no_common_protocol,
                "the parent speaks " + words_of_range(protocol_lowest, protocol_highest) +
                    ", the child " + words_of_range(hello->protocol_min, hello->protocol_max),
                goodbye_reason::version);
  welcome_.protocol = protocol;
  put(welcome_);
  open();
}

void link::take_welcome(const frame& f) {
  std::optional<welcome_message> welcome = welcome_message::decode(f);
  if (!welcome) return fail(wire_fault::bad_body, words_about(f));
  if (welcome->protocol < protocol_lowest || welcome->protocol > protocol_highest)
    return fail(wire_fault::no_common_protocol,
                "the parent wants " + std::to_string(welcome->protocol) + ", the child speaks " +
                    words_of_range(protocol_lowest, protocol_highest),
                goodbye_reason::version);
  welcome_ = std::move(*welcome);
  open();
}

void link::open() {
  state_ = link_state::open;
  sending_ = receiving_ = credit_window(welcome_.link_window);
  sending_control_ = receiving_control_ = credit_window(control_reserve);
}

void link::take_credit(const frame& f) {
  const std::optional<credit_message> credit = credit_message::decode(f);
  if (!credit) return fail(wire_fault::bad_body, words_about(f));
  if (!sending_.give(credit->data) || !sending_control_.give(credit->control))
    fail(wire_fault::credit_invalid, {});
}

void link::take_ping(const frame& f) {
  const std::optional<ping_message> ping = ping_message::decode(f);
  if (!ping) return fail(wire_fault::bad_body, words_about(f));
  pong_ = ping->token;
}

// A busy child answers the last of several pings only.
void link::take_pong(const frame& f) {
  const std::optional<pong_message> pong = pong_message::decode(f);
  if (!pong) return fail(wire_fault::bad_body, words_about(f));
  if (pong->token <= pongs_ || pong->token > pings_)
    return fail(wire_fault::wrong_moment, words_about(f));
  pongs_ = pong->token;
}

void link::take_goodbye(const frame& f) {
  if (!goodbye_message::decode(f)) return fail(wire_fault::bad_body, words_about(f));
  drop_queues();
  if (goodbye_) put(*std::exchange(goodbye_, std::nullopt));
  const bool is_last = state_ == link_state::leaving || state_ == link_state::left;
  state_ = is_last ? link_state::closed : link_state::parting;
}

void link::bytes_ended() {
  switch (state_) {
    case link_state::greeting:
    case link_state::open:
      return fail(wire_fault::cut_off, {});
    case link_state::leaving:
    case link_state::left:
    case link_state::parting:
      drop_queues();
      state_ = link_state::closed;
      return;
    case link_state::closed:
    case link_state::failed:
      return;
  }
}

void link::refuse(wire_fault fault, std::string_view about) {
  assert(fault != wire_fault::none);
  fail(fault, about);
}

// A goodbye tells the other end why, unless it is not there to read it. What is sealed is sent
// first: a frame of it may be half written.
void link::fail(wire_fault fault, std::string_view about, goodbye_reason why) {
  if (is_over()) return;
  const bool is_ours_said = state_ == link_state::left;
  state_ = link_state::failed;
  fault_ = fault;
  words_ = words_of(fault);
  if (!about.empty()) words_.append(": ").append(about);
  drop_queues();
  goodbye_.reset();
  if (fault == wire_fault::silent || fault == wire_fault::cut_off)
    out_.clear(), out_at_ = 0;
  else if (!is_ours_said)
    put(goodbye_message(why, words_.substr(0, reason_limit)));
}

void link::drop_queues() noexcept {
  data_.clear();
  control_.clear();
  ping_.reset();
  pong_.reset();
  granted_ = granted_control_ = 0;
}

void link::grant() {
  if (!speaks()) return;
  constexpr std::uint64_t part = 4;  // of a window: less is not worth a frame
  if (const std::uint64_t owed = receiving_.used(); owed > 0 && owed >= receiving_.limit() / part) {
    granted_ += owed;
    receiving_ = credit_window(receiving_.limit());
  }
  if (const std::uint64_t owed = receiving_control_.used(); owed >= control_reserve / part) {
    granted_control_ += owed;
    receiving_control_ = credit_window(control_reserve);
  }
}

// --- frames that go ---

send_result link::may_queue(const frame& about) const {
  assert(may_flow(about.type, ours()));
  assert(class_of(about) != frame_class::link);
  assert(is_addressed_right(about));
  if (state_ != link_state::greeting && state_ != link_state::open) return send_result::over;
  const bool is_data = class_of(about) == frame_class::data;
  const bool is_full = is_data ? data_.size() > limits_.data : control_.size() > limits_.control;
  return is_full ? send_result::full : send_result::queued;
}

frame_queue& link::queue_of(const frame& about) noexcept {
  return class_of(about) == frame_class::data ? data_ : control_;
}

send_result link::forward(const frame& from) {
  if (const send_result why = may_queue(from); why != send_result::queued) return why;
  auto body = [&from](wire_writer& into) { into.rest(from.body); };
  return queue_of(from).push(from, body) ? send_result::queued : send_result::too_long;
}

void link::leave(goodbye_message goodbye) {
  switch (state_) {
    case link_state::greeting:
    case link_state::parting:
      drop_queues();
      put(goodbye);
      state_ = link_state::closed;
      return;
    case link_state::open:
      goodbye_ = std::move(goodbye);
      state_ = link_state::leaving;
      return;
    case link_state::leaving:
    case link_state::left:
    case link_state::closed:
    case link_state::failed:
      return;
  }
}

template <class Message>
void link::put(const Message& message) {
  const std::size_t place = begin_frame(out_, header_of(message));
  wire_writer body(out_);
  message.encode(body);
  seal_frame(out_, place, sequence_++);
}

std::string_view link::output() {
  if (out_at_ == out_.size()) {
    clear_output();
    if (speaks()) fill_output();
  }
  return std::string_view(out_).substr(out_at_);
}

void link::clear_output() noexcept {
  constexpr std::size_t kept = 4'096;  // by an idle link
  out_at_ = 0;
  if (out_.capacity() > kept && data_.empty())
    out_ = std::string();
  else
    out_.clear();
}

void link::fill_output() {
  fill_link_frames();
  fill(control_, sending_control_);
  // The start of a command comes before its output and its end, whatever the credit.
  if (control_.empty()) fill(data_, sending_);
  if (!goodbye_ || !control_.empty() || !data_.empty()) return;
  put(*std::exchange(goodbye_, std::nullopt));
  state_ = link_state::left;
}

void link::fill_link_frames() {
  if (granted_ > 0 || granted_control_ > 0) {
    credit_message credit;
    credit.data = credit_at_once(granted_);
    credit.control = credit_at_once(granted_control_);
    granted_ -= credit.data;
    granted_control_ -= credit.control;
    put(credit);
  }
  if (pong_) {
    pong_message pong;
    pong.token = *std::exchange(pong_, std::nullopt);
    put(pong);
  }
  if (ping_) {
    ping_message ping;
    ping.token = *std::exchange(ping_, std::nullopt);
    put(ping);
  }
}

void link::fill(frame_queue& from, credit_window& credit) {
  while (!from.empty() && credit.is_open() && out_.size() < output_chunk) {
    credit.take(from.front_size());
    from.pop(out_, sequence_++);
  }
}

void link::written(std::size_t bytes, wire_time now) {
  assert(bytes <= out_.size() - out_at_);
  out_at_ += bytes;
  if (bytes > 0) spoke_ = now;
}

// --- time ---

wire_time link::dead_at() const noexcept {
  return heard_ + std::chrono::milliseconds(welcome_.dead_ms);
}

// A child hears of its parent, and the parent of its child, once in this time.
wire_time link::ping_due() const noexcept {
  return std::max(std::min(heard_, spoke_), pinged_) +
         std::chrono::milliseconds(welcome_.heartbeat_ms);
}

std::optional<wire_time> link::due() const {
  if (state_ == link_state::greeting) return dead_at();
  if (!speaks()) return std::nullopt;
  return side_ == side::parent ? std::min(dead_at(), ping_due()) : dead_at();
}

void link::tick(wire_time now) {
  const std::optional<wire_time> next = due();
  if (!next || now < *next) return;
  if (now >= dead_at())
    return fail(wire_fault::silent, "nothing for " + std::to_string(welcome_.dead_ms) + " ms");
  ping_ = ++pings_;
  pinged_ = now;
}

}  // namespace execo::detail
