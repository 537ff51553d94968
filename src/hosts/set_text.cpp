// Writes a set as text: one item a pattern, or a box of one.

#include "hosts/set_text.hpp"

#include <algorithm>

namespace execo::detail {

namespace {

class set_writer {
 public:
  set_writer(std::string& out, const fold_style& style) : out_(out), style_(style) {}

  void write(const name_table::view& v) {
    if (!v.indexes) {
      comma();
      out_ += v.name;
      return;
    }
    const index_set& set = *v.indexes;
    const std::size_t dimensions = set.dimensions();
    sides_.resize(dimensions);
    folds_.assign(dimensions, style_.axes().empty());
    for (const int axis : style_.axes()) {
      const auto size = static_cast<int>(dimensions);
      const int at = axis < 0 ? axis + size : axis;
      if (at >= 0 && at < size) folds_[static_cast<std::size_t>(at)] = true;
    }
    if (dimensions == 1) {
      write_box(v.pattern, [&](std::size_t) -> const key_ranges& { return set.line(); });
      return;
    }
    const folded_grid& folded = set.folded();
    for (std::size_t box = 0; box < folded.boxes(); ++box) {
      write_box(v.pattern, [&](std::size_t d) -> const key_ranges& { return folded.side(box, d); });
    }
  }

 private:
  void comma() {
    if (!out_.empty()) out_ += ',';
  }

  template <class SideOf>
  void write_box(std::string_view pattern, const SideOf& side_of) {
    bool enumerated = false;
    for (std::size_t d = 0; d < sides_.size(); ++d) {
      const key_ranges& side = side_of(d);
      const bool one = side.size() == 1 && side.front().lo == side.front().hi;
      enumerated = enumerated || (!one && !folds_[d]);
      sides_[d].clear();
      if (!one) sides_[d] += '[';
      append_folded(sides_[d], side, style_.autostep());
      if (!one) sides_[d] += ']';
    }
    if (!enumerated) return write_item(pattern);
    write_each(pattern, side_of, sides_.size());
  }

  // The first d dimensions that may not be folded, index by index, the first one fastest.
  template <class SideOf>
  void write_each(std::string_view pattern, const SideOf& side_of, std::size_t d) {
    if (d == 0) return write_item(pattern);
    if (folds_[d - 1]) return write_each(pattern, side_of, d - 1);
    for (const key_range& range : side_of(d - 1)) {
      for (index_key key = range.lo; key <= range.hi; ++key) {
        sides_[d - 1] = index_text(key);
        write_each(pattern, side_of, d - 1);
      }
    }
  }

  void write_item(std::string_view pattern) {
    comma();
    std::size_t side = 0;
    for (std::size_t at = 0; at < pattern.size();) {
      const std::size_t mark = std::min(pattern.find('%', at), pattern.size());
      out_ += pattern.substr(at, mark - at);
      if (mark == pattern.size()) return;
      if (pattern[mark + 1] == 's') {
        out_ += sides_[side++];
      } else {
        out_ += '%';
      }
      at = mark + 2;
    }
  }

  std::string& out_;
  const fold_style& style_;
  std::vector<std::string> sides_;
  std::vector<bool> folds_;
};

}  // namespace

void append_set(std::string& out, const name_table& table, const fold_style& style) {
  constexpr std::size_t short_text = 256;
  if (table.text_size() > short_text) out.reserve(out.size() + table.text_size());
  set_writer writer{out, style};
  const std::size_t patterns = table.patterns();
  for (std::size_t i = 0; i < patterns; ++i) writer.write(table.at(i));
}

}  // namespace execo::detail
