#include "ssh/host_blocks.hpp"

#include <algorithm>

#include "hosts/wildcard.hpp"

namespace execo::detail {
namespace {

bool asks_for_something(const config_line& match) {
  return std::ranges::any_of(match.criteria, [](const config_criterion& one) {
    return one.kind != config_criterion::what::all;
  });
}

}  // namespace

bool has_host(const config_line& line, std::string_view name) {
  bool found = false;
  for (std::string_view pattern : line.values) {
    bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (!matches(pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

host_blocks::host_blocks(const config_lines& lines) {
  for (const config_line& line : lines.lines()) {
    if (line.kind == config_line::what::host) lines_.push_back(&line);
    if (line.kind == config_line::what::match && asks_for_something(line)) by_name_ = false;
  }
}

std::string host_blocks::holding_for(std::string_view name) const {
  std::string held;
  held.reserve(lines_.size());
  for (const config_line* line : lines_) held += has_host(*line, name) ? '+' : '-';
  return held;
}

}  // namespace execo::detail
