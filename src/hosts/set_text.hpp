#pragma once

#include <string>

#include "execo/host_set.hpp"
#include "hosts/name_table.hpp"

namespace execo::detail {

void append_set(std::string& out, const name_table& table, const fold_style& style);

}  // namespace execo::detail
