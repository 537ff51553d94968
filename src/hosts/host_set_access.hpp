#pragma once

#include <memory>
#include <string_view>

#include "execo/host_set.hpp"
#include "hosts/name_table.hpp"

namespace execo::detail {

/// The way from a host_set to its table and back.
struct host_set_access {
  static host_set make(std::shared_ptr<name_table> table) { return host_set{std::move(table)}; }
  static std::shared_ptr<name_table> share(const name_table& table) {
    return std::make_shared<name_table>(table);
  }
  static const name_table* table(const host_set& set) { return set.table_.get(); }
};

/// "host set "foo[2-1]": bad range "2-1" at column 5: ...", with long texts cut around the place.
[[nodiscard]] host_set_error make_error(host_set_errc code, std::string_view text,
                                        const std::string& why, std::string_view part,
                                        std::size_t offset);

}  // namespace execo::detail
