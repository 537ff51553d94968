// The kinds of machine that there are agents for.
#pragma once

#include <cstdint>
#include <string_view>

namespace execo::detail {

enum class machine : std::uint8_t { other, x86_64, aarch64 };
inline constexpr std::uint8_t machine_count = 3;

/// As `uname -m` says it on Linux.
constexpr machine machine_of(std::string_view name) noexcept {
  if (name == "x86_64") return machine::x86_64;
  return name == "aarch64" ? machine::aarch64 : machine::other;
}

constexpr std::string_view name_of(machine arch) noexcept {
  if (arch == machine::x86_64) return "x86_64";
  return arch == machine::aarch64 ? "aarch64" : "another machine";
}

}  // namespace execo::detail
