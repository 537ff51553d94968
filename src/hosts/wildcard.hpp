#pragma once

#include <string_view>

namespace execo::detail {

/// Whether a name matches a mask: * matches any text, ? one byte.
[[nodiscard]] bool matches(std::string_view mask, std::string_view name) noexcept;

}  // namespace execo::detail
