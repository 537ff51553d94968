// Frames that are right as frames, of any type and contents, for either end of a link: what the
// other end says is a stream of right frames always, what is held is bounded, and a link that is
// over gives nothing any more. The first byte chooses the end; then come type, address, length and
// body of each frame. Address 4 and above is a step of time.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/link.hpp"

namespace {

namespace detail = execo::detail;

constexpr std::uint32_t window = 3'000;

void require(bool holds) {
  if (!holds) std::abort();
}

class one_end {
 public:
  explicit one_end(bool is_parent)
      : link_(is_parent ? make_parent() : make_child()),
        answers_(is_parent ? detail::flow::down : detail::flow::up),
        direction_(is_parent ? detail::flow::up : detail::flow::down) {
    if (is_parent)
      say_message(detail::hello_message());
    else
      say_message(make_welcome());
    require(link_.state() == detail::link_state::open);
  }

  void say(const detail::frame& f) {
    std::string bytes;
    append_frame(bytes, f, sequence_++);
    std::string_view left(bytes);
    const bool was_over = link_.is_over();
    while (auto given = link_.next(left, now_))
      require(!was_over && detail::may_flow(given->type, direction_));
    require(link_.owed() <= window + detail::frame_body_limit + detail::frame_header_size);
    hear();
  }
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    link_.tick(now_);
    link_.grant();
    hear();
  }

 private:
  static detail::welcome_message make_welcome() {
    detail::welcome_message welcome;
    welcome.index = 9;
    welcome.link_window = window;
    return welcome;
  }
  static detail::link make_parent() {
    return detail::link::to_child(detail::bytes16{}, make_welcome(), detail::wire_time());
  }
  static detail::link make_child() {
    return detail::link::to_parent(detail::hello_message(), detail::wire_time());
  }
  template <class Message>
  void say_message(const Message& message) {
    detail::frame f = header_of(message);
    const std::string body = body_of(message);
    f.body = body;
    say(f);
  }
  void hear() {
    for (std::string_view part = link_.output(); !part.empty(); part = link_.output()) {
      const std::size_t size = part.size();
      while (answers_.next(part)) continue;
      require(answers_.fault() == detail::wire_fault::none && part.empty());
      link_.written(size, now_);
    }
  }

  detail::link link_;
  detail::frame_reader answers_;
  detail::flow direction_;
  detail::wire_time now_;
  std::uint16_t sequence_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  one_end end((data[0] & 1) != 0);
  std::string_view left(reinterpret_cast<const char*>(data + 1), size - 1);
  while (left.size() >= 4) {
    const auto byte = [&left](std::size_t at) { return static_cast<std::uint8_t>(left[at]); };
    const auto type = static_cast<detail::frame_type>(byte(0));
    const unsigned address = byte(1);
    const std::size_t length = std::min<std::size_t>(left.size() - 4, byte(2) + 256U * byte(3));
    if (address >= 4)
      end.pass(std::chrono::milliseconds(100 * address));
    else
      end.say(detail::frame(type, (address & 1) != 0 ? 7 : 0,
                            (address & 2) != 0 ? 9 : detail::no_host, left.substr(4, length)));
    left.remove_prefix(4 + length);
  }
  return 0;
}
