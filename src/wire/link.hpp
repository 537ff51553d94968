// One link of the tree, seen from one of its ends: a value machine between the bytes of a
// connection and the messages of who uses it. It reads no clock and does no I/O.
//
//   greeting -> open           the greeting of the other end came and was right
//   greeting -> closed         leave()
//   open -> leaving            leave(): our goodbye is behind all that was queued
//   leaving -> left            our goodbye is in output(): the other end may still speak
//   greeting, open -> parting  the goodbye of the other end came: we may say ours, and nothing else
//   leaving, left -> closed    the goodbye of the other end came, or its bytes ended
//   parting -> closed          leave(), or its bytes ended
//   all but closed -> failed   a fault: see fault(). A goodbye that names it may still be in
//   output()
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/credit_window.hpp"
#include "wire/fault.hpp"
#include "wire/frame.hpp"
#include "wire/frame_queue.hpp"
#include "wire/index_ranges.hpp"
#include "wire/messages.hpp"

namespace execo::detail {

using wire_time = std::chrono::steady_clock::time_point;

enum class link_state : std::uint8_t { greeting, open, leaving, left, parting, closed, failed };

enum class send_result : std::uint8_t {
  queued,
  full,      // nothing was taken: the queue of that class is at its limit. Send it again later
  too_long,  // nothing was taken: the body is above the limit of a frame. Send it in parts
  over,      // nothing was taken: this end has said its goodbye, or the link is over
};

/// What a link may hold of frames that wait. A queue takes frames until it is above its limit.
class link_limits {
 public:
  link_limits() = default;
  std::size_t data = 1'048'576;
  std::size_t control = 1'048'576;
};

/// Control frames in flight, in each direction.
inline constexpr std::uint32_t control_reserve = 65'536;

class link {
 public:
  /// The parent's end. Waits for the child's hello, which must echo `nonce`; answers it by
  /// `welcome` with the protocol filled in. The child may speak for welcome.index.
  static link to_child(const bytes16& nonce, welcome_message welcome, wire_time now,
                       link_limits limits = {});
  /// The child's end. Sends `hello`, waits for the welcome.
  static link to_parent(const hello_message& hello, wire_time now, link_limits limits = {});

  link_state state() const noexcept { return state_; }
  bool is_over() const noexcept {
    return state_ == link_state::closed || state_ == link_state::failed;
  }
  /// None unless failed. A link that failed gives no frame any more and takes none; close the
  /// connection when output() is empty.
  wire_fault fault() const noexcept { return fault_; }
  /// The fault in words, with what is known of the frame: "a frame speaks for a host that was not
  /// handed to this child: output of run 3, host 17". Empty unless failed.
  const std::string& fault_words() const noexcept { return words_; }
  /// The parent's: as sent; the child's: as received. Pre: state() was open once.
  const welcome_message& welcome() const noexcept { return welcome_; }

  // --- bytes that come ---

  /// The next frame for the user, taken off the front of `bytes`; its body is valid until the next
  /// call. Nothing: all bytes are taken, or the link is over. Credits of the link, pings and pongs
  /// are dealt with here; hello, welcome and goodbye are dealt with and given as well. Every frame
  /// given has its direction, sequence, address and credit right and speaks for hosts of the other
  /// end only; its body beyond the set is still to be decoded: refuse() the link if it is none.
  std::optional<frame> next(std::string_view& bytes, wire_time now);
  /// No byte will come any more.
  void bytes_ended();
  /// The user has found a violation. Pre: fault != none.
  void refuse(wire_fault fault, std::string_view about);
  /// Gives back the credit of all frames that next() has given, those of data and of control: call
  /// it when what they caused is dealt with or has found room. Costs a frame only when there is
  /// enough.
  void grant();
  /// Data that came and was not granted: what the user holds of this link, at most the window and a
  /// frame.
  std::uint64_t owed() const noexcept { return receiving_.used(); }

  // --- who may speak for whom: the parent's end only ---

  /// The child was given these: it may speak for them.
  void hand_over(const index_ranges& hosts) { served_ |= hosts; }
  void take_back(const index_ranges& hosts) { served_ -= hosts; }
  /// The child's own index too.
  const index_ranges& served() const noexcept { return served_; }

  // --- frames that go ---

  /// Queues a message; control frames overtake data, otherwise the order is kept. Before the
  /// greeting of the other end it waits. Pre: this end may send the type; not one of hello,
  /// welcome, credit of a link, ping, pong, goodbye.
  template <class Message>
  send_result send(const Message& message) {
    const frame about = header_of(message);
    if (const send_result why = may_queue(about); why != send_result::queued) return why;
    auto encode = [&message](wire_writer& body) { message.encode(body); };
    return queue_of(about).push(about, encode) ? send_result::queued : send_result::too_long;
  }
  /// As send(), for a frame of another link: its body goes on as it came.
  send_result forward(const frame& from);
  /// Our goodbye, behind all that was queued. Nothing can be sent after that, what comes is still
  /// given. Nothing happens if it was said before, or the link is over.
  void leave(goodbye_message goodbye);

  /// Bytes that wait in the queues.
  std::size_t data_backlog() const noexcept { return data_.size(); }
  std::size_t control_backlog() const noexcept { return control_.size(); }

  /// What is to be written now, as far as credit allows; valid until the next call on this link.
  /// Empty: nothing, until something is sent, received or due.
  std::string_view output();
  /// So much of the last output() was written. Pre: not more than that.
  void written(std::size_t bytes, wire_time now);

  // --- time ---

  /// When tick() has something to do next; nothing when there will be none. Read what has come
  /// before tick(): what was not read is silence. Once an end has said goodbye silence is no fault:
  /// how long the other may take is for the user to say.
  std::optional<wire_time> due() const;
  /// Sends a ping of an idle link, and fails one that is silent for too long.
  void tick(wire_time now);

 private:
  enum class side : std::uint8_t { parent, child };
  link(side which, wire_time now, link_limits limits);

  flow ours() const noexcept { return side_ == side::parent ? flow::down : flow::up; }
  send_result may_queue(const frame& about) const;
  frame_queue& queue_of(const frame& about) noexcept;

  wire_fault fault_in(const frame& f) const;
  bool is_its_moment(frame_type type) const noexcept;
  wire_fault fault_in_hosts(const frame& f) const;
  void charge(const frame& f) noexcept;
  /// It was for the link alone.
  bool take_link_frame(const frame& f);
  void take_hello(const frame& f);
  void take_welcome(const frame& f);
  void take_credit(const frame& f);
  void take_pong(const frame& f);
  void take_ping(const frame& f);
  void take_goodbye(const frame& f);
  void open();

  void fail(wire_fault fault, std::string_view about,
            goodbye_reason why = goodbye_reason::protocol);
  void drop_queues() noexcept;
  bool speaks() const noexcept {
    return state_ == link_state::open || state_ == link_state::leaving;
  }
  void clear_output() noexcept;
  void fill_output();
  void fill_link_frames();
  void fill(frame_queue& from, credit_window& credit);
  template <class Message>
  void put(const Message& message);
  wire_time ping_due() const noexcept;
  wire_time dead_at() const noexcept;

  side side_;
  link_state state_ = link_state::greeting;
  wire_fault fault_ = wire_fault::none;
  std::string words_;
  bytes16 nonce_{};
  welcome_message welcome_;
  index_ranges served_;
  frame_reader reader_;
  link_limits limits_;

  frame_queue data_;
  frame_queue control_;
  std::string out_;         // sealed, not yet written
  std::size_t out_at_ = 0;  // written of it
  std::uint16_t sequence_ = 0;
  std::optional<goodbye_message> goodbye_;  // waits behind the queues
  std::optional<std::uint64_t> ping_;       // waits to be sent
  std::optional<std::uint64_t> pong_;
  std::uint64_t pings_ = 0, pongs_ = 0;  // the last tokens

  credit_window sending_, sending_control_;
  credit_window receiving_, receiving_control_;
  std::uint64_t granted_ = 0, granted_control_ = 0;  // credit that waits to be sent

  wire_time heard_, spoke_, pinged_;  // heard: a whole frame, so that trickling bytes are silence
};

}  // namespace execo::detail
