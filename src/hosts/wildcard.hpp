#pragma once

#include <string_view>

namespace execo::detail {

/// Whether a name fits a mask: * stands for any text, ? for one byte.
[[nodiscard]] bool matches(std::string_view mask, std::string_view name) noexcept;

}  // namespace execo::detail
