#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "execo/detail/text_of.hpp"

namespace execo {

namespace detail {
class name_table;
struct host_set_access;
}  // namespace detail

/// What is wrong with the text of a host set.
enum class host_set_errc {
  syntax,        ///< brackets or operators do not fit together
  range,         ///< the text between brackets is not a list of ranges, or is too large
  group_source,  ///< no group source has that name
  group,         ///< a group source could not answer, or its answer cannot be read
  no_group,      ///< the group source has no group of that name
  no_list,       ///< the group source has no way to list its groups or all its hosts
};

/// The bare word: "syntax", "range", "group_source" or "group".
std::string_view to_string(host_set_errc code) noexcept;

/// A host set could not be read. `what()` is one line that names the text, the place and the cure.
class host_set_error : public std::invalid_argument {
 public:
  host_set_error(host_set_errc code, const std::string& message, std::string part = {},
                 std::size_t offset = 0);

  [[nodiscard]] host_set_errc code() const noexcept { return code_; }
  /// The piece of text that is wrong, for example `2-1` or the name of a group source.
  [[nodiscard]] const std::string& part() const noexcept { return *part_; }
  /// Where the wrong piece begins in the text that was read, in bytes.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  host_set_errc code_;
  std::shared_ptr<const std::string> part_;  // shared: copying an exception must not throw
  std::size_t offset_;
};

/// How a set is written as text. The default folds every dimension and writes no steps.
class fold_style {
 public:
  fold_style() = default;

  /// Writes `a-b/step` where at least `members` equally spaced indexes follow each other.
  fold_style& autostep(std::size_t members) & { return autostep_ = members, *this; }
  fold_style autostep(std::size_t members) && { return autostep_ = members, *this; }
  /// Allows brackets in this dimension only; several calls allow several. Counted from 0, or from
  /// the end when negative. Dimensions that do not exist are ignored.
  fold_style& axis(int dimension) & { return axes_.push_back(dimension), *this; }
  fold_style axis(int dimension) && { return axes_.push_back(dimension), *this; }

  /// 0 when steps are not written.
  [[nodiscard]] std::size_t autostep() const noexcept { return autostep_; }
  /// Empty when all dimensions may be folded.
  [[nodiscard]] const std::vector<int>& axes() const noexcept { return axes_; }

 private:
  std::size_t autostep_ = 0;
  std::vector<int> axes_;
};

/// A set of host names, read and written as text such as `node[1-3,7],login[01-02]`.
///
/// The names of foldable hosts are not stored one by one: `node[1-1000000]` takes a few hundred
/// bytes. Copying is cheap (the content is shared until one copy changes). Const members may be
/// called from several threads at once. `docs/hosts.md` has the grammar.
class host_set {
 public:
  class iterator;
  using const_iterator = iterator;
  using value_type = std::string;

  /// Maximum number of hosts in one set; text for more is an error, never a hang.
  static constexpr std::size_t max_size = 100'000'000;

  host_set() noexcept;
  /// Reads a set: names and ranges joined by `,` (union), `!` (difference), `&` (intersection) and
  /// `^` (symmetric difference), from left to right. Text without `@`, `*` and `?` is read
  /// without any I/O; group names and wildcards use the standard group sources (see groups).
  ///
  /// Throws: host_set_error.
  host_set(std::string_view text);
  host_set(const char* text);
  host_set(const std::string& text);

  /// A set of exactly this name: brackets, operators and wildcards in it have no meaning.
  [[nodiscard]] static host_set from_name(std::string_view name);
  /// A set of exactly these names.
  [[nodiscard]] static host_set from_names(const std::vector<std::string>& names);

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Whether the set has this host, or, when the text is a set, all of its hosts.
  ///
  /// Throws: host_set_error if the text is neither.
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] bool contains(const host_set& other) const;
  [[nodiscard]] bool contains(const char* name) const { return contains(std::string_view{name}); }
  [[nodiscard]] bool contains(const std::string& name) const {
    return contains(std::string_view{name});
  }

  /// The i-th name in order.
  ///
  /// Throws: std::out_of_range.
  [[nodiscard]] std::string operator[](std::size_t i) const;

  /// Names in order: the text around the indexes first, then the indexes, shorter ones before
  /// longer ones. A set of several dimensions is in the order of its folded form. Any change of the
  /// set invalidates its iterators.
  [[nodiscard]] iterator begin() const;
  [[nodiscard]] iterator end() const;
  /// Calls `visit` for each name in order; the view is valid until `visit` returns.
  void for_each(const std::function<void(std::string_view)>& visit) const;
  [[nodiscard]] std::vector<std::string> expand() const;

  /// The set as text, folded: `node[1-3,7]`. It reads back as an equal set.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::string to_string(const fold_style& style) const;

  /// The hosts at positions first, first + step, ... below last; positions past the end are
  /// ignored.
  ///
  /// Throws: std::invalid_argument if step is 0.
  [[nodiscard]] host_set slice(std::size_t first, std::size_t last, std::size_t step = 1) const;
  /// The hosts at the given positions, which are ascending; positions past the end are ignored.
  [[nodiscard]] host_set at(const std::vector<std::size_t>& positions) const;
  /// At most `parts` sets of nearly equal size, in order, the larger ones first.
  ///
  /// Throws: std::invalid_argument if parts is 0.
  [[nodiscard]] std::vector<host_set> split(std::size_t parts) const;
  /// The largest sets without a gap in their indexes, in order.
  [[nodiscard]] std::vector<host_set> contiguous() const;

  /// Adds a name or a set.
  ///
  /// Throws: host_set_error; the set is then unchanged.
  void insert(std::string_view name_or_set);
  void clear() noexcept;

  host_set& operator|=(const host_set& other);
  host_set& operator+=(const host_set& other) { return *this |= other; }
  host_set& operator-=(const host_set& other);
  host_set& operator&=(const host_set& other);
  host_set& operator^=(const host_set& other);

  friend host_set operator|(host_set a, const host_set& b) { return a |= b; }
  friend host_set operator+(host_set a, const host_set& b) { return a |= b; }
  friend host_set operator-(host_set a, const host_set& b) { return a -= b; }
  friend host_set operator&(host_set a, const host_set& b) { return a &= b; }
  friend host_set operator^(host_set a, const host_set& b) { return a ^= b; }
  friend bool operator==(const host_set& a, const host_set& b) { return a.equals(b); }

 private:
  friend struct detail::host_set_access;
  explicit host_set(std::shared_ptr<detail::name_table> table) noexcept;
  [[nodiscard]] bool equals(const host_set& other) const;
  detail::name_table& own();

  std::shared_ptr<detail::name_table> table_;  // null: empty
};

/// Iterates over the names of a set; each is made when it is read.
class host_set::iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::forward_iterator_tag;
  using value_type = std::string;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = std::string;

  iterator() noexcept = default;
  [[nodiscard]] std::string operator*() const;
  iterator& operator++();
  iterator operator++(int) {
    iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const iterator& other) const noexcept {
    return pattern_ == other.pattern_ && within_ == other.within_;
  }

 private:
  friend class host_set;
  iterator(const detail::name_table* table, std::size_t pattern) noexcept
      : table_(table), pattern_(pattern) {}

  const detail::name_table* table_ = nullptr;
  std::size_t pattern_ = 0;       // in order of the text around the indexes
  std::uint64_t within_ = 0;      // position among the names of that pattern
  std::uint64_t hint_range_ = 0;  // where the last look-up ended: the next begins there
  std::uint64_t hint_before_ = 0;
};

static_assert(!std::is_aggregate_v<host_set> && !std::is_aggregate_v<fold_style>);

}  // namespace execo
