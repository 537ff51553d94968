// Text with tokens that says how a host is reached.
#pragma once

#include <string>

#include "ssh/route.hpp"

namespace execo::detail {

/// %h, %n (the name), %p, %r (the user) and %% replaced. Throws: config_value_error.
std::string expand_route(const std::string& text, const route_target& to);

/// Why a name or user may not stand in text that a shell reads, as ssh decides it; empty: it may.
std::string shell_objection(const route_target& to);

}  // namespace execo::detail
