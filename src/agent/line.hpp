// A link over descriptors: what it wants to say is written, what comes is read.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/reactor.hpp"
#include "wire/link.hpp"

namespace execo::agent {

class line;

class line_owner {
 public:
  virtual void on_frame(line& from, const detail::frame& what) = 0;
  /// It has something to write: line::flush() is to be called before the loop waits again.
  virtual void on_touched(line& which) = 0;
  /// Nothing more comes, and nothing more can be said. Told once, by line::flush().
  virtual void on_over(line& which) = 0;

 protected:
  ~line_owner() = default;
};

/// open   -> broken  the bytes of the other end are over, or cannot be written any more
/// broken -> over    on_over() is told
/// open, broken -> over  cut()
enum class line_state : std::uint8_t { open, broken, over };

class line {
 public:
  /// The descriptors may be one and belong to the caller, who keeps them open. They become
  /// non-blocking.
  line(reactor& on, line_owner& owner, detail::link link, int in, int out);
  line(const line&) = delete;
  line& operator=(const line&) = delete;
  ~line();

  detail::link& link() noexcept { return link_; }
  const detail::link& link() const noexcept { return link_; }
  bool is_over() const noexcept { return state_ == line_state::over; }

  /// Bytes that were read in front of this line.
  void take(std::string_view bytes);
  /// Queues a message. False if the link is over.
  template <class Message>
  bool send(const Message& message) {
    touch();
    return link_.send(message) == detail::send_result::queued;
  }
  bool forward(const detail::frame& what) {
    touch();
    return link_.forward(what) == detail::send_result::queued;
  }
  void leave(detail::goodbye_message said);
  void grant();
  void flush();
  /// All that was queued is written, or never will be.
  bool drained();
  /// Reads what has come.
  void drain();
  /// Reads and writes nothing more. The descriptors can be closed then.
  void cut() noexcept;

 private:
  void touch();
  void on_ready(std::uint32_t events);
  void on_out_ready(std::uint32_t) { flush(); }
  void on_due();
  void read();
  bool write();
  void break_off();
  void await(bool writes);
  void arm();

  reactor& loop_;
  line_owner& owner_;
  detail::link link_;
  int in_, out_;
  line_state state_ = line_state::open;
  bool touched_ = false;
  watch in_seen_, out_seen_;
  alarm due_;
};

}  // namespace execo::agent
