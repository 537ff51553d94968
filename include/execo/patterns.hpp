/// patterns and expect_result: the values that expect works with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/detail/incremental_search.hpp"

namespace execo {
namespace detail {

class regex;
class expect_op;

}  // namespace detail

enum class expect_end : std::uint8_t {
  matched,
  timed_out,      ///< no match in time
  end_of_stream,  ///< the output ended, and nothing in it matches
};

/// The bare word: "matched", "timed_out" or "end_of_stream".
std::string_view to_string(expect_end how) noexcept;

/// How a search ended. The views refer to this object.
class [[nodiscard]] expect_result {
 public:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  expect_result() noexcept = default;
  /// Without a match.
  explicit expect_result(expect_end how) noexcept : how_(how) {}

  expect_end how() const noexcept { return how_; }
  bool matched() const noexcept { return how_ == expect_end::matched; }
  explicit operator bool() const noexcept { return matched(); }
  /// Of the pattern, in the order of on(); npos without a match.
  std::size_t index() const noexcept { return matched() ? match_.pattern : npos; }
  /// The whole match; empty without one.
  std::string_view text() const noexcept;
  /// The text between the previous match and this one; without a match, the output so far, which
  /// can still be matched. Of more than max_buffer() bytes, the newest.
  std::string_view before() const noexcept;
  /// Group `n` of the pattern, counted from 1; 0 is the whole match; nullopt if the group did not
  /// take part in the match.
  /// Throws: std::out_of_range if the pattern has no such group, or nothing matched.
  std::optional<std::string_view> group(std::size_t n) const;
  /// A named group of the pattern: (?P<name>...). Throws: as above.
  std::optional<std::string_view> group(std::string_view name) const;
  /// How many groups the pattern has, besides the whole match.
  std::size_t groups() const noexcept { return matched() ? match_.count - 1 : 0; }
  /// Where the match begins, in bytes from the beginning of the stream; without a match, where
  /// before() ends.
  std::uint64_t position() const noexcept { return position_; }
  /// How many bytes since the previous result are in no before(): beyond max_buffer(), or dropped
  /// before the first search began.
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  friend class detail::expect_op;
  std::string bytes_;  // before(), then text()
  detail::text_match match_;
  std::shared_ptr<const detail::regex> what_;
  std::uint64_t position_ = 0;
  std::uint64_t dropped_ = 0;
  expect_end how_ = expect_end::timed_out;
};

/// Regular expressions to expect, in the syntax of RE2 (github.com/google/re2/wiki/Syntax): no
/// back references and no look-around; in return no output can make a search slow. `^` and
/// `$` match at lines, and `$` also where the output ends for now. Bytes are matched: `.` is any
/// byte but LF, NUL included. A pattern with characters beyond ASCII, or with `\p{...}`, matches
/// characters of UTF-8: `.` is any of them, `[é]` and `(?i)É` work as expected, and only `\C`
/// matches bytes that are not UTF-8.
///
/// Copies share the compiled patterns, so one object serves any number of processes, also on
/// several threads. A pattern needs at most 8 MiB.
class patterns {
 public:
  using handler = std::function<void(const expect_result&)>;

  patterns() noexcept = default;

  /// Adds a pattern. `call` runs in the coroutine that awaits the match, before that continues; if
  /// it throws, the co_await throws. It must not add patterns to the same expect.
  /// Throws: std::invalid_argument naming a pattern that is not a regular expression, that has more
  /// than 32 groups, or that matches the empty text.
  patterns& on(std::string_view regex, handler call = nullptr) &;
  patterns&& on(std::string_view regex, handler call = nullptr) &&;

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  friend class detail::expect_op;
  struct entry {
    std::shared_ptr<const detail::regex> what;
    handler call;
  };
  std::vector<entry> entries_;
};

}  // namespace execo
