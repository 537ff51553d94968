#include "hosts/range_reader.hpp"

#include <algorithm>

#include "execo/host_set.hpp"
#include "hosts/name_pattern.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

namespace {

struct bound {
  index_key value = 0;
  std::string_view digits;
  bool negative = false;
  [[nodiscard]] bool padded() const { return digits.size() > 1 && digits[0] == '0'; }
};

// One subrange: a, a-b or a-b/step.
class subrange_reader {
 public:
  subrange_reader(std::string_view text, std::string_view trailing, std::size_t offset)
      : text_(text), trailing_(trailing), offset_(offset) {}

  void append_to(key_ranges& out, std::uint64_t& stepped) {
    read();
    check();
    const bool padded = first_.padded() || last_.padded();
    const int width = padded ? static_cast<int>(first_.digits.size()) : 1;
    const auto steps = static_cast<std::uint64_t>((last_.value - first_.value) / step_);
    if (steps >= host_set::max_size) fail("has too many indexes: split it");
    if (step_ == 1) return append_consecutive(out, width);
    if (steps + 1 > stepped) fail("has too many indexes in steps: split it");
    stepped -= steps + 1;
    for (std::uint64_t i = 0; i <= steps; ++i) {
      const index_key value = first_.value + static_cast<index_key>(i) * step_;
      const index_key key = value < 0 ? value : key_of(value, std::max(width, digits_of(value)));
      out.push_back({key, key});
    }
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    std::string part{text_};
    if (!trailing_.empty() && checked_) {
      // The way it counts: with the digits that follow the bracket.
      part = signed_text(first_);
      if (two_) {
        part += '-';
        part += signed_text(last_);
        part += "/1";
        part.append(trailing_.size(), '0');
      }
    }
    throw range_error(why, part, offset_);
  }

  static std::string signed_text(const bound& b) {
    std::string text{b.digits};
    if (b.negative) text.insert(text.begin(), '-');
    return text;
  }

  void read() {
    std::string_view body = text_;
    if (const std::size_t slash = body.find('/'); slash != body.npos) {
      read_step(trim(body.substr(slash + 1)));
      body = trim(body.substr(0, slash));
      if (body.find('-') == body.npos && step_ != 1) {
        fail("has a step but no range: write it as first-last/step");
      }
    }
    read_bound(body, first_, first_text_);
    last_ = first_;
    body = trim(body);
    if (body.empty()) return;
    if (body[0] != '-') fail("is not a number: write digits, or first-last");
    body.remove_prefix(1);
    last_ = {};
    read_bound(body, last_, last_text_);
    two_ = true;
    if (!trim(body).empty()) fail("is not a number: write digits, or first-last");
  }

  void read_step(std::string_view text) {
    bool negative = false;
    if (!text.empty() && text[0] == '-') {
      negative = true;
      text.remove_prefix(1);
    }
    if (text.empty() || text.size() > max_digits || !std::ranges::all_of(text, is_digit)) {
      fail("has a step that is not a number");
    }
    step_ = value_of(key_from_digits(text));
    if (negative) step_ = -step_;
  }

  void read_bound(std::string_view& body, bound& b, std::string& with_trailing) {
    body = trim(body);
    if (!body.empty() && body[0] == '-') {
      b.negative = true;
      body.remove_prefix(1);
    }
    std::size_t digits = 0;
    while (digits < body.size() && is_digit(body[digits])) ++digits;
    if (digits == 0) fail("is not a number: write digits, or first-last");
    if (digits + trailing_.size() > max_digits)
      fail("has more than 18 digits: write the names out");
    b.digits = body.substr(0, digits);
    body.remove_prefix(digits);
    if (!trailing_.empty()) {
      with_trailing = std::string{b.digits} + std::string{trailing_};
      b.digits = with_trailing;
    }
    b.value = value_of(key_from_digits(b.digits));
    if (b.negative) b.value = -b.value;
  }

  void check() {
    checked_ = true;
    const bool padded = first_.padded() || last_.padded();
    if (padded && (first_.negative || last_.negative)) {
      fail("has a negative number with leading zeros: remove them");
    }
    if (padded && first_.digits.size() != last_.digits.size()) {
      fail("has leading zeros and ends of different length: give both the same number of digits");
    }
    if (step_ < 1) fail("has a step below 1");
    if (last_.value < first_.value) fail("runs backwards: write the smaller number first");
    if (two_ && !trailing_.empty()) {
      step_ = powers_of_ten[trailing_.size()];
    }
  }

  void append_consecutive(key_ranges& out, int width) const {
    index_key value = first_.value;
    if (value < 0) {
      out.push_back({value, std::min<index_key>(last_.value, -1)});
      value = 0;
    }
    while (value <= last_.value) {
      const int digits = std::max(width, digits_of(value));
      const index_key longest = powers_of_ten[static_cast<std::size_t>(digits)] - 1;
      const index_key end = std::min(last_.value, longest);
      out.push_back({key_of(value, digits), key_of(end, digits)});
      value = end + 1;
    }
  }

  std::string_view text_;
  std::string_view trailing_;
  std::size_t offset_;
  bound first_;
  bound last_;
  std::string first_text_;  // what `digits` refer to when there are trailing ones
  std::string last_text_;
  bool two_ = false;
  bool checked_ = false;
  index_key step_ = 1;
};

}  // namespace

key_ranges read_ranges(std::string_view text, std::string_view trailing, std::uint64_t& stepped) {
  key_ranges ranges;
  for (std::size_t at = 0;;) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string_view part = text.substr(at, comma - at);
    const std::size_t lead = part.size() - trim_front(part).size();
    part = trim(part);
    if (part.empty()) throw range_error("empty range: write a number", std::string{text}, at);
    subrange_reader{part, trailing, at + lead}.append_to(ranges, stepped);
    if (comma == text.size()) break;
    at = comma + 1;
  }
  normalize(ranges);
  return ranges;
}

key_ranges put_before(std::string_view digits, const key_ranges& ranges) {
  if (digits.empty()) return ranges;
  const auto too_long = [&] {
    return range_error("has more than 18 digits: write the names out", std::string{digits}, 0);
  };
  if (digits.size() >= max_digits) throw too_long();
  const auto shift = static_cast<int>(digits.size());
  const index_key front = value_of(key_from_digits(digits));
  key_ranges out;
  for (key_range rest : ranges) {
    if (rest.lo < 0) {
      throw range_error("digits before a negative number: write the names out", std::string{digits},
                        0);
    }
    while (rest.lo <= rest.hi) {
      const int width = width_of(rest.lo);
      if (width + shift > max_digits) throw too_long();
      const index_key end = std::min(rest.hi, first_keys[static_cast<std::size_t>(width) + 1] - 1);
      const index_key base =
          key_of(front * powers_of_ten[static_cast<std::size_t>(width)], width + shift);
      out.push_back({base + value_of(rest.lo), base + value_of(end)});
      rest.lo = end + 1;
    }
  }
  normalize(out);
  return out;
}

}  // namespace execo::detail
