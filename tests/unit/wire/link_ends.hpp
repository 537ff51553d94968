// Two ends of a link and the pipe between them; and an end that says what a test wants.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "wire/link.hpp"

namespace execo::test {

using namespace std::chrono_literals;

inline constexpr detail::wire_time start_of_link{};

/// A frame, with a copy of its body.
class received_frame {
 public:
  explicit received_frame(const detail::frame& f)
      : body(f.body), about(f.type, f.run, f.host, {}) {}
  detail::frame view() const { return {about.type, about.run, about.host, body}; }
  detail::frame_type type() const { return about.type; }

  std::string body;

 private:
  detail::frame about;
};

inline std::vector<received_frame> give(detail::link& to, std::string_view bytes,
                                        detail::wire_time now = start_of_link) {
  std::vector<received_frame> frames;
  while (std::optional<detail::frame> f = to.next(bytes, now)) frames.emplace_back(*f);
  return frames;
}

/// All that it has to write.
inline std::string take(detail::link& from, detail::wire_time now = start_of_link) {
  std::string bytes;
  for (std::string_view part = from.output(); !part.empty(); part = from.output()) {
    bytes += part;
    from.written(part.size(), now);
  }
  return bytes;
}

inline detail::bytes16 some_nonce() {
  detail::bytes16 nonce{};
  nonce[3] = 'n';
  return nonce;
}

inline detail::hello_message some_hello() {
  detail::hello_message hello;
  hello.nonce = some_nonce();
  return hello;
}

inline detail::welcome_message some_welcome(std::uint32_t index = 5) {
  detail::welcome_message welcome;
  welcome.index = index;
  welcome.depth = 1;
  welcome.host = "node5";
  return welcome;
}

inline detail::link a_parent(const detail::welcome_message& welcome = some_welcome()) {
  return detail::link::to_child(some_nonce(), welcome, start_of_link);
}

/// Both ends, greeted.
class link_ends {
 public:
  explicit link_ends(const detail::welcome_message& welcome = some_welcome())
      : parent(a_parent(welcome)), child(detail::link::to_parent(some_hello(), start_of_link)) {
    give(parent, take(child));
    give(child, take(parent));
    EXPECT_EQ(parent.state(), detail::link_state::open);
    EXPECT_EQ(child.state(), detail::link_state::open);
  }
  std::vector<received_frame> up(detail::wire_time now = start_of_link) {
    return give(parent, take(child, now), now);
  }
  std::vector<received_frame> down(detail::wire_time now = start_of_link) {
    return give(child, take(parent, now), now);
  }

  detail::link parent;
  detail::link child;
};

/// A child that keeps to no rule but that of the frames.
class rogue_child {
 public:
  explicit rogue_child(detail::link& parent) : parent_(parent) {
    say(some_hello());
    EXPECT_EQ(parent_.state(), detail::link_state::open);
    take(parent_);
  }
  template <class Message>
  void say(const Message& message) {
    detail::frame f = header_of(message);
    const std::string body = body_of(message);
    f.body = body;
    say_frame(f);
  }
  void say_frame(const detail::frame& f) {
    std::string bytes;
    append_frame(bytes, f, sequence_++);
    last_ = bytes;
    give(parent_, bytes);
  }
  void say_again() { give(parent_, last_); }

 private:
  detail::link& parent_;
  std::uint16_t sequence_ = 0;
  std::string last_;
};

inline detail::output_message some_output(std::uint32_t host, std::string_view bytes = "x") {
  detail::output_message output;
  output.run = 1;
  output.host = host;
  output.bytes = bytes;
  return output;
}

}  // namespace execo::test
