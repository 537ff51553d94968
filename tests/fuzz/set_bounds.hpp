// How large a set a text means, roughly and without reading it: a fuzzer that draws sets of
// millions of hosts tries few inputs a second, and finds nothing in them that it would not find in
// small ones.
#pragma once

#include <algorithm>
#include <string_view>

namespace execo::fuzz {

class set_bounds {
 public:
  explicit set_bounds(std::string_view text) {
    for (const char c : text) take(c);
    end_term();
  }

  /// Whether a term is large, and not so large that it is refused at once.
  [[nodiscard]] bool too_large(double limit) const { return largest_ > limit && smallest_ < 2e8; }

 private:
  void take(char c) {
    if (c >= '0' && c <= '9' && inside_) {
      number_ = std::min(number_ * 10 + (c - '0'), 1e18);
    } else if (c == '[') {
      inside_ = true;
      sum_ = first_ = number_ = 0;
    } else if (c == '-' && inside_) {
      first_ = number_;
      number_ = 0;
    } else if (inside_ && (c == ',' || c == '/' || c == ']')) {
      sum_ += std::max(1.0, number_ - first_ + 1);
      first_ = number_ = 0;
      inside_ = c != ']';
      if (!inside_) term_ *= sum_;
    } else if (!inside_ && std::string_view{",!&^ \t\r\n"}.find(c) != std::string_view::npos) {
      end_term();
    }
  }

  void end_term() {
    largest_ = std::max(largest_, term_);
    if (term_ > 1000) smallest_ = std::min(smallest_, term_);
    term_ = 1;
  }

  double largest_ = 0;
  double smallest_ = 1e18;  // of the large ones
  double term_ = 1;
  double sum_ = 0;
  double first_ = 0;
  double number_ = 0;
  bool inside_ = false;
};

}  // namespace execo::fuzz
