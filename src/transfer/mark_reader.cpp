#include "transfer/mark_reader.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_line = std::size_t{20} * 1024;  // two paths, each byte as two digits

}  // namespace

std::string random_mark() { return "execo-" + random_hex(8); }

std::optional<std::string> mark_reader::next(std::span<const char>& bytes) {
  while (!bytes.empty()) {
    auto end = std::ranges::find(bytes, '\n');
    auto count = static_cast<std::size_t>(end - bytes.begin());
    line_.append(bytes.data(), std::min(count, max_line - line_.size()));
    if (end == bytes.end()) {
      bytes = {};
      return std::nullopt;
    }
    bytes = bytes.subspan(count + 1);
    std::string whole = std::exchange(line_, std::string());
    has_found_ = has_found_ || whole.starts_with(mark_);
    if (whole.starts_with(mark_)) return whole.substr(mark_.size());
  }
  return std::nullopt;
}

}  // namespace execo::detail
