#include "hosts/ordered_list.hpp"

#include <algorithm>

#include "hosts/host_set_access.hpp"
#include "hosts/index_key.hpp"
#include "hosts/name_pattern.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

void ordered_list::add(const std::string& name) {
  if (const std::string_view problem = problem_of_name(name); !problem.empty()) {
    throw make_error(host_set_errc::syntax, name, std::string{problem}, name, 0);
  }
  if (!known_.insert(name).second) return;
  if (names_.size() == max_listed) {
    throw host_set_error(host_set_errc::range, "host list: more than a million hosts");
  }
  names_.push_back(name);
}

std::vector<std::string_view> split_list(std::string_view text, separators by) {
  std::vector<std::string_view> items;
  std::size_t from = 0;
  bool in_bracket = false;
  bool in_slashes = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    const bool end = i == text.size();
    if (c == '[') in_bracket = true;
    if (c == ']') in_bracket = false;
    if (c == '/' && by == separators::outside_slashes) {
      const std::string_view before = trim(text.substr(from, i - from));
      in_slashes = !in_slashes && (before.empty() || before == "-");
    }
    const bool separates = c == ',' || (by != separators::commas && is_blank(c));
    if (!end && (!separates || in_bracket || in_slashes)) continue;
    const std::string_view item = trim(text.substr(from, i - from));
    if (!item.empty()) items.push_back(item);
    from = i + 1;
  }
  return items;
}

namespace {

class item_reader {
 public:
  item_reader(ordered_list& list, std::string_view item, bool letters)
      : list_(list), item_(item), letters_(letters) {}

  void expand(std::size_t at, std::string& name) {
    const std::size_t open = item_.find('[', at);
    if (open == item_.npos) {
      const std::size_t length = name.size();
      list_.add(name.append(item_.substr(at)));
      name.resize(length);
      return;
    }
    const std::size_t close = item_.find(']', open);
    if (close == item_.npos) fail(host_set_errc::syntax, "'[' is not closed: add ']'", open);
    const std::size_t length = name.size();
    name += item_.substr(at, open - at);
    const std::size_t stem = name.size();
    if (const std::size_t literal = ipv6_literal_at(item_, open); literal > 0) {
      name += item_.substr(open, literal);
      expand(open + literal, name);
    } else {
      for (std::size_t from = open + 1; from <= close;) {
        const std::size_t end = std::min(item_.find(',', from), close);
        add_range(trim(item_.substr(from, end - from)), from, close + 1, name, stem);
        from = end + 1;
      }
    }
    name.resize(length);
  }

 private:
  [[noreturn]] void fail(host_set_errc code, const std::string& why, std::size_t at) const {
    throw make_error(code, item_, why, item_, at);
  }

  void add_range(std::string_view range, std::size_t place, std::size_t next, std::string& name,
                 std::size_t stem) {
    const std::size_t dash = range.find('-');
    const std::string first{trim(range.substr(0, dash))};
    const std::string last{dash == range.npos ? std::string_view{first}
                                              : trim(range.substr(dash + 1))};
    const auto emit = [&](std::string_view index) {
      name += index;
      expand(next, name);
      name.resize(stem);
    };
    if (all_of(first, is_digit) && all_of(last, is_digit)) return count(first, last, place, emit);
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (!letters_ || !all_of(first, letter) || !all_of(last, letter) ||
        first.size() > last.size()) {
      fail(host_set_errc::range, "bad range \"" + std::string{range} + "\": write first-last",
           place);
    }
    // Counts as Perl does: a to z, then aa.
    for (std::string index = first;; increment(index)) {
      emit(index);
      if (index == last || index.size() > last.size()) break;
    }
  }

  static bool all_of(const std::string& text, bool (*fits)(char)) {
    return !text.empty() && text.size() <= max_digits && std::ranges::all_of(text, fits);
  }

  template <class Emit>
  void count(const std::string& first, const std::string& last, std::size_t place,
             const Emit& emit) {
    const index_key from = value_of(key_from_digits(first));
    const index_key to = value_of(key_from_digits(last));
    if (to < from) {
      fail(host_set_errc::range,
           "bad range \"" + first + "-" + last + "\": write the smaller number first", place);
    }
    if (to - from >= static_cast<index_key>(max_listed)) {
      fail(host_set_errc::range, "more than a million hosts: split the list", place);
    }
    for (index_key value = from; value <= to; ++value) {
      std::string index = std::to_string(value);
      if (index.size() < first.size()) index.insert(0, first.size() - index.size(), '0');
      emit(index);
    }
  }

  static void increment(std::string& text) {
    for (std::size_t i = text.size(); i-- > 0;) {
      if (text[i] != 'z') {
        ++text[i];
        return;
      }
      text[i] = 'a';
    }
    text.insert(text.begin(), 'a');
  }

  ordered_list& list_;
  std::string_view item_;
  bool letters_;
};

}  // namespace

void add_item(ordered_list& list, std::string_view item, bool letters) {
  if (static_cast<std::size_t>(std::ranges::count(item, '[')) > max_dimensions) {
    throw make_error(host_set_errc::range, item, "more than 64 brackets", item, 0);
  }
  std::string name;
  item_reader{list, item, letters}.expand(0, name);
}

}  // namespace execo::detail
