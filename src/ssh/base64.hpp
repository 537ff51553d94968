#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

/// RFC 4648, with padding.
std::string to_base64(std::string_view bytes);
/// Padding may be missing. Empty: it is no base64.
std::string from_base64(std::string_view text);

}  // namespace execo::detail
