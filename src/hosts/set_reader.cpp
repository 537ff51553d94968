// Reads the text of a host set: terms joined by operators, strictly left to right.

#include <algorithm>
#include <optional>

#include "hosts/group_resolver.hpp"
#include "hosts/host_set_access.hpp"
#include "hosts/name_table.hpp"
#include "hosts/range_reader.hpp"
#include "hosts/text_scan.hpp"
#include "hosts/wildcard.hpp"

namespace execo::detail {

namespace {

constexpr std::size_t max_masks = 10'000;

class set_reader {
 public:
  set_reader(std::string_view text, const read_options& options) : text_(text), options_(options) {}

  std::shared_ptr<name_table> read() {
    if (const std::size_t control = find_control(text_); control != text_.npos) {
      fail(host_set_errc::syntax, "a name cannot have a control character: remove it",
           text_.substr(control, 1), control);
    }
    skip_blanks();
    if (at_ == text_.size()) return nullptr;
    auto result = std::make_shared<name_table>();
    constexpr std::size_t long_text = 4096;
    if (text_.size() > long_text) {
      // If all names turn out to have one pattern, the memory is released.
      const auto names = static_cast<std::size_t>(std::ranges::count(text_, ','));
      result->reserve(names + 1, text_.size());
    }
    for (char op = ',';;) {
      const std::size_t begin = at_;
      if (op == ',') {
        read_term(*result, begin);
      } else {
        name_table operand;
        read_term(operand, begin);
        result->apply(operand, operation(op));
      }
      if (at_ == text_.size()) break;
      op = text_[at_++];
      skip_blanks();
      if (at_ == text_.size() || is_operator(text_[at_])) fail_operand(op);
    }
    result->trim();
    if (result->size() > host_set::max_size) {
      fail(host_set_errc::range, "more than 100 million hosts: split the set", "", 0);
    }
    return result;
  }

 private:
  [[noreturn]] void fail(host_set_errc code, const std::string& why, std::string_view part,
                         std::size_t offset) const {
    throw make_error(code, text_, why, part, offset);
  }

  [[noreturn]] void fail_operand(char op) const {
    fail(host_set_errc::syntax,
         std::string{"a name is missing next to '"} + op + "': remove the operator or add the name",
         std::string_view{}, at_ == 0 ? 0 : at_ - 1);
  }

  static set_operation operation(char op) {
    switch (op) {
      case '!':
        return set_operation::subtract;
      case '&':
        return set_operation::intersect;
      case '^':
        return set_operation::exclusive;
      default:
        return set_operation::unite;
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  // Position of the next bracket at or after `from`. Remembered: long texts have few.
  std::size_t next_bracket(std::size_t from) {
    if (from >= bracket_from_ && from <= bracket_) return bracket_;
    bracket_from_ = from;
    bracket_ = std::min(text_.find_first_of("[]", from), text_.size());
    return bracket_;
  }

  void read_term(name_table& into, std::size_t begin) {
    if (is_operator(text_[at_])) fail_operand(text_[at_]);
    if (text_[at_] == '@') return read_group(into);
    std::size_t end = at_;
    bool wild = false;
    for (; end < text_.size() && !is_operator(text_[end]) && text_[end] != '[' && text_[end] != ']';
         ++end) {
      wild = wild || text_[end] == '*' || text_[end] == '?';
    }
    if (end < text_.size() && (text_[end] == '[' || text_[end] == ']')) {
      return read_pattern(into, begin);
    }
    const std::string_view name = trim(text_.substr(begin, end - begin));
    at_ = end;
    if (wild && options_.place.wildcards) {
      name_table masks;
      masks.add_name(name);
      return match(into, masks, begin);
    }
    into.add_name(name);
  }

  // A term with brackets.
  void read_pattern(name_table& into, std::size_t begin) {
    pattern_.clear();
    sides_.clear();
    bool wild = false;
    bool done = false;
    while (!done && at_ < text_.size()) {
      const char c = text_[at_];
      if (is_operator(c)) break;
      if (c == '[') {
        if (const std::size_t literal = ipv6_literal_at(text_.substr(begin), at_ - begin)) {
          for (const std::size_t end = at_ + literal; at_ < end; ++at_) add_text(text_[at_]);
        } else {
          read_bracket({}, begin);
        }
      } else if (c == ']') {
        fail_closing(begin);
      } else if (is_digit(c)) {
        read_digits(begin);
      } else {
        wild = wild || c == '*' || c == '?';
        // Blanks before an operator or the end are not part of the name.
        const std::size_t rest = text_.find_first_not_of(" \t\n\v\f\r", at_);
        done = is_blank(c) && (rest == text_.npos || is_operator(text_[rest]));
        if (done) {
          at_ = std::min(rest, text_.size());
        } else {
          add_text(c);
          ++at_;
        }
      }
    }
    if (wild && options_.place.wildcards) {
      name_table masks;
      add_to(masks, begin);
      return match(into, masks, begin);
    }
    add_to(into, begin);
  }

  void add_text(char c) { append_text(pattern_, c); }

  void add_side(key_ranges side, std::size_t begin) {
    if (sides_.size() == max_dimensions) {
      fail(host_set_errc::range, "more than 64 indexes in a name", "", begin);
    }
    sides_.push_back(std::move(side));
    pattern_ += "%s";
  }

  void read_digits(std::size_t begin) {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    const std::string_view digits = text_.substr(from, at_ - from);
    if (at_ < text_.size() && text_[at_] == '[') return read_bracket(digits, begin);
    if (digits.size() > max_digits || sides_.size() == max_dimensions) {
      for (const char c : digits) add_text(c);
      return;
    }
    const index_key key = key_from_digits(digits);
    add_side({{key, key}}, begin);
  }

  [[noreturn]] void fail_closing(std::size_t from) const {
    fail(host_set_errc::syntax, "']' without '[': remove it or open the bracket",
         text_.substr(from, at_ - from + 1), at_);
  }

  // A bracket with the digits around it, which belong to every index: 1[0-3]5 is 105 to 135.
  void read_bracket(std::string_view before, std::size_t begin) {
    const std::size_t open = at_;
    const std::size_t close = text_.find(']', open);
    if (close == text_.npos) {
      fail(host_set_errc::syntax, "'[' is not closed: add ']'", text_.substr(begin), open);
    }
    std::size_t after = close + 1;
    while (after < text_.size() && is_digit(text_[after])) ++after;
    const std::string_view trailing = text_.substr(close + 1, after - close - 1);
    if (after < text_.size() && text_[after] == '[') {
      fail(host_set_errc::syntax, "'[' right after a bracket: put text between them",
           text_.substr(after), after);
    }
    const std::string_view body = text_.substr(open + 1, close - open - 1);
    if (!trailing.empty() && body.find('/') != body.npos) {
      fail(host_set_errc::syntax, "digits after a bracket with a step: put them into the range",
           trailing, close + 1);
    }
    const std::size_t next = next_bracket(after);
    if (next < text_.size() && text_[next] == ']') {
      at_ = next;
      fail_closing(after);
    }
    try {
      add_side(put_before(before, read_ranges(body, trailing, stepped_)), begin);
    } catch (const range_error& error) {
      fail(host_set_errc::range,
           error.part.empty() || error.part == body
               ? "bad range \"" + std::string{body} + "\": " + error.what()
               : "bad range: " + quoted(error.part) + " " + error.what(),
           error.part, open + 1 + error.offset);
    }
    at_ = after;
  }

  static std::string quoted(std::string_view text) { return '"' + std::string{text} + '"'; }

  void add_to(name_table& into, std::size_t begin) {
    std::uint64_t volume = 1;
    bool negative = false;
    for (const key_ranges& side : sides_) {
      volume *= count(side);
      if (volume > host_set::max_size) {
        fail(host_set_errc::range, "more than 100 million hosts: split the set", "", begin);
      }
      negative = negative || side.front().lo < 0;
    }
    if (sides_.empty() || (volume == 1 && !negative)) {
      std::vector<index_key> keys;
      for (const key_ranges& side : sides_) keys.push_back(side.front().lo);
      std::string name;
      append_name(name, pattern_, keys);
      return into.add_name(name);
    }
    into.add_boxes(pattern_, std::move(sides_));
  }

  const group_resolver& groups() const {
    return options_.groups ? *options_.groups : standard_group_resolver();
  }

  // The only place where the groups of a text are read, so it bounds the depth of groups.
  group_place inside(std::size_t begin) {
    if (options_.place.depth >= max_group_depth) {
      fail(host_set_errc::group,
           "the group is part of itself, or inside more than " + std::to_string(max_group_depth) +
               " others: take it out of its own list",
           text_.substr(begin, at_ - begin), begin);
    }
    group_place place = options_.place;
    ++place.depth;
    if (!place.known) place.known = &known_;
    return place;
  }

  void match(name_table& into, const name_table& masks, std::size_t begin) {
    if (masks.size() > max_masks) {
      fail(host_set_errc::range, "a wildcard with too many ranges: write fewer", "", at_);
    }
    const host_set all = groups().all(options_.source, inside(begin));
    const std::vector<std::string> list =
        host_set_access::make(host_set_access::share(masks)).expand();
    all.for_each([&](std::string_view name) {
      const auto fits = [&](const std::string& mask) { return matches(mask, name); };
      if (std::ranges::any_of(list, fits)) into.add_name(name);
    });
  }

  // @name, @source:name, @*, @source:*, @@source. The name may itself be a set of names.
  void read_group(name_table& into) {
    const std::size_t begin = at_++;
    const bool of_names = at_ < text_.size() && text_[at_] == '@';
    if (of_names) ++at_;
    const std::size_t from = at_;
    bool inside = false;
    for (; at_ < text_.size() && (inside || !is_operator(text_[at_])); ++at_) {
      if (text_[at_] == '[') inside = true;
      if (text_[at_] == ']') inside = false;
    }
    std::string_view name = trim(text_.substr(from, at_ - from));
    if (of_names) {
      for (const std::string& group : groups().names(name.empty() ? options_.source : name)) {
        into.add_name(group);
      }
      return;
    }
    std::string_view source = options_.source;
    if (const std::size_t colon = name.find(':'); colon != name.npos) {
      if (colon > 0) source = name.substr(0, colon);
      name.remove_prefix(colon + 1);
    }
    add_group(into, source, name, begin);
  }

  void add_group(name_table& into, std::string_view source, std::string_view name,
                 std::size_t begin) {
    const auto add = [&](const host_set& hosts) {
      if (const name_table* table = host_set_access::table(hosts)) {
        into.apply(*table, set_operation::unite);
      }
    };
    try {
      const group_place place = inside(begin);
      if (name == "*") return add(groups().all(source, place));
      if (name.find('[') == name.npos) return add(groups().members(source, name, place));
      group_place of_names = place;
      of_names.wildcards = false;
      const host_set names = read_set(name, {options_.groups, source, of_names});
      if (names.size() > max_masks) {
        throw host_set_error(host_set_errc::range, "more than 10,000 groups: write fewer");
      }
      for (const std::string group : names) {
        add(groups().members(source, group, place));
      }
    } catch (const host_set_error& error) {
      if (error.code() == host_set_errc::group_source || options_.place.depth > 0) throw;
      fail(error.code(), error.what(), text_.substr(begin, at_ - begin), begin);
    }
  }

  std::string_view text_;
  const read_options& options_;
  std::map<std::string, host_set> known_;
  std::size_t at_ = 0;
  std::size_t bracket_from_ = 1;
  std::size_t bracket_ = 0;
  std::uint64_t stepped_ = max_stepped;
  std::string pattern_;
  box sides_;
};

}  // namespace

host_set read_set(std::string_view text, const read_options& options) {
  return host_set_access::make(set_reader{text, options}.read());
}

}  // namespace execo::detail
