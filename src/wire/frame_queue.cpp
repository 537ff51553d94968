#include "wire/frame_queue.hpp"

#include <cassert>
#include <cstdint>
#include <cstring>

namespace execo::detail {

namespace {

// Memory that an empty queue keeps.
constexpr std::size_t queue_kept = 4'096;

}  // namespace

void frame_queue::clear() noexcept {
  at_ = 0;
  if (bytes_.capacity() > queue_kept)
    bytes_ = std::string();
  else
    bytes_.clear();
}

// The frames in a queue are not sealed: only their length is filled in, so that it can be walked.
bool frame_queue::close_frame(std::size_t place) {
  const std::size_t body = bytes_.size() - place - frame_header_size;
  if (body > frame_body_limit) {
    bytes_.resize(place);
    return false;
  }
  set_body_size(bytes_, place, body);
  return true;
}

std::size_t frame_queue::front_size() const noexcept {
  assert(!empty());
  return frame_size_at(bytes_, at_);
}

void frame_queue::pop(std::string& into, std::uint16_t sequence) {
  const std::size_t size = front_size();
  const std::size_t place = into.size();
  into.append(bytes_, at_, size);
  seal_frame(into, place, sequence);
  at_ += size;
  if (at_ == bytes_.size())
    clear();
  else if (at_ > bytes_.size() / 2)
    drop_front();
}

// Each byte is moved once at most for one that has gone.
void frame_queue::drop_front() {
  bytes_.erase(0, at_);
  at_ = 0;
}

}  // namespace execo::detail
