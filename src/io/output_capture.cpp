#include "io/output_capture.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace execo::detail {

void output_capture::configure(std::size_t cap) noexcept {
  cap_ = cap;
  beyond_ = beyond::dropped;
}

void output_capture::configure(const sink_spec& spec, std::size_t default_cap, loop& on,
                               output_file_owner& owner) {
  configure(spec.cap.value_or(default_cap));
  switch (spec.beyond) {
    case overflow_kind::kill:
      beyond_ = beyond::ended;
      return;
    case overflow_kind::head_and_tail:
      beyond_ = beyond::tail;
      tail_cap_ = cap_ / 2;
      cap_ -= tail_cap_;
      return;
    case overflow_kind::spill:
      beyond_ = beyond::file;
      spill_ = std::make_unique<output_file>(on, owner);
      spill_->use(spec.path, file_target::mode::replace);
      return;
    case overflow_kind::head:
    case overflow_kind::block:
      return;
  }
}

bool output_capture::take_beyond(std::span<const char> bytes) {
  assert(text_.size() == cap_);
  reached_ = reach::beyond;
  switch (beyond_) {
    case beyond::ignored:
      return true;
    case beyond::tail:
      keep_tail(bytes);
      return true;
    case beyond::file:
      return spill_->take(bytes);
    case beyond::dropped:
    case beyond::ended:
      dropped_ += bytes.size();
      return true;
  }
  return true;
}

void output_capture::keep_tail(std::span<const char> bytes) {
  if (bytes.size() >= tail_cap_) {
    dropped_ += tail_.size() + bytes.size() - tail_cap_;
    bytes = bytes.last(tail_cap_);
    tail_.assign(bytes.data(), bytes.size());
    tail_at_ = 0;
    return;
  }
  std::size_t first = std::min(tail_cap_ - tail_.size(), bytes.size());
  tail_.append(bytes.data(), first);
  bytes = bytes.subspan(first);
  dropped_ += bytes.size();
  while (!bytes.empty()) {
    std::size_t part = std::min(tail_cap_ - tail_at_, bytes.size());
    std::copy_n(bytes.data(), part, tail_.data() + tail_at_);
    tail_at_ = (tail_at_ + part) % tail_cap_;
    bytes = bytes.subspan(part);
  }
}

void output_capture::complete() {
  std::string tail = std::exchange(tail_, std::string());
  if (tail.empty()) return;
  dropped_ += tail.size();
  text_.reserve(text_.size() + tail.size());
  text_.append(tail, tail_at_);
  text_.append(tail, 0, tail_at_);
  dropped_ -= tail.size();
}

}  // namespace execo::detail
