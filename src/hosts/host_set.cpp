#include "execo/host_set.hpp"

#include <algorithm>

#include "execo/printable.hpp"
#include "hosts/group_resolver.hpp"
#include "hosts/host_set_access.hpp"
#include "hosts/set_text.hpp"
#include "hosts/text_scan.hpp"

namespace execo {

using detail::name_table;
using detail::set_operation;

std::string_view to_string(host_set_errc code) noexcept {
  switch (code) {
    case host_set_errc::syntax:
      return "syntax";
    case host_set_errc::range:
      return "range";
    case host_set_errc::group_source:
      return "group_source";
    default:
      return "group";
  }
}

host_set_error::host_set_error(host_set_errc code, const std::string& message, std::string part,
                               std::size_t offset)
    : std::invalid_argument(message),
      code_(code),
      part_(std::make_shared<const std::string>(std::move(part))),
      offset_(offset) {}

namespace detail {

host_set_error make_error(host_set_errc code, std::string_view text, const std::string& why,
                          std::string_view part, std::size_t offset) {
  constexpr std::size_t shown = 60;
  constexpr std::size_t before_place = 30;
  std::string excerpt;
  const std::size_t from =
      text.size() <= shown || offset < before_place ? 0 : offset - before_place;
  if (from > 0) excerpt += "...";
  for (const char c : text.substr(from, shown)) excerpt += is_blank(c) ? ' ' : c;
  if (from + shown < text.size()) excerpt += "...";
  return {
      code,
      "host set \"" + printable(excerpt) + "\", column " + std::to_string(offset + 1) + ": " + why,
      std::string{part}, offset};
}

}  // namespace detail

host_set::host_set() noexcept = default;
host_set::host_set(std::shared_ptr<name_table> table) noexcept : table_(std::move(table)) {}
host_set::host_set(std::string_view text) : host_set(detail::read_set(text, {})) {}
host_set::host_set(const char* text) : host_set(std::string_view{text}) {}
host_set::host_set(const std::string& text) : host_set(std::string_view{text}) {}

host_set host_set::from_name(std::string_view name) {
  host_set set;
  set.own().add_name(name);
  return set;
}

host_set host_set::from_names(const std::vector<std::string>& names) {
  host_set set;
  for (const std::string& name : names) set.own().add_name(name);
  return set;
}

name_table& host_set::own() {
  if (!table_) {
    table_ = std::make_shared<name_table>();
  } else if (table_.use_count() > 1) {
    table_ = std::make_shared<name_table>(*table_);
  }
  return *table_;
}

std::size_t host_set::size() const noexcept { return table_ ? table_->size() : 0; }

bool host_set::contains(std::string_view name) const {
  if (detail::is_plain_name(name)) return table_ && table_->contains(name);
  return (table_ && table_->contains(name)) || contains(host_set{name});
}

bool host_set::contains(const host_set& other) const {
  if (other.empty() || table_ == other.table_) return true;
  return table_ && table_->contains(*other.table_);
}

bool host_set::equals(const host_set& other) const {
  if (empty() || other.empty()) return empty() && other.empty();
  return table_ == other.table_ || table_->equals(*other.table_);
}

std::string host_set::to_string() const { return to_string(fold_style{}); }

std::string host_set::to_string(const fold_style& style) const {
  std::string text;
  if (table_) detail::append_set(text, *table_, style);
  return text;
}

void host_set::insert(std::string_view name_or_set) {
  if (detail::is_plain_name(name_or_set)) {
    own().add_name(name_or_set);
    return;
  }
  *this |= host_set{name_or_set};
}

void host_set::clear() noexcept { table_.reset(); }

host_set& host_set::operator|=(const host_set& other) {
  if (other.empty() || table_ == other.table_) return *this;
  if (empty()) return *this = other;
  own().apply(*other.table_, set_operation::unite);
  return *this;
}

host_set& host_set::operator-=(const host_set& other) {
  if (empty() || other.empty()) return *this;
  if (table_ == other.table_) return clear(), *this;
  own().apply(*other.table_, set_operation::subtract);
  return *this;
}

host_set& host_set::operator&=(const host_set& other) {
  if (empty() || table_ == other.table_) return *this;
  if (other.empty()) return clear(), *this;
  own().apply(*other.table_, set_operation::intersect);
  return *this;
}

host_set& host_set::operator^=(const host_set& other) {
  if (other.empty()) return *this;
  if (empty()) return *this = other;
  if (table_ == other.table_) return clear(), *this;
  own().apply(*other.table_, set_operation::exclusive);
  return *this;
}

}  // namespace execo
