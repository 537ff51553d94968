#include "fleet/faults.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include <execo/status.hpp>
#include <execo/time.hpp>

namespace execo::fleet {

namespace {

using named_fault = std::pair<std::string_view, fault_kind>;
constexpr std::array plain_faults{
    named_fault{"reset", fault_kind::reset},
    named_fault{"blackhole", fault_kind::blackhole},
    named_fault{"no-banner", fault_kind::no_banner},
    named_fault{"stall-kex", fault_kind::stall_kex},
    named_fault{"reject-auth", fault_kind::reject_auth},
    named_fault{"stall-auth", fault_kind::stall_auth},
    named_fault{"stall-exec", fault_kind::stall_exec},
    named_fault{"drop-mid-output", fault_kind::drop_mid_output},
    named_fault{"close-exec", fault_kind::close_exec},
    named_fault{"disconnect-auth", fault_kind::disconnect_auth},
    named_fault{"stall-password", fault_kind::stall_password},
    named_fault{"disconnect-password", fault_kind::disconnect_password},
    named_fault{"disconnect-open", fault_kind::disconnect_open},
    named_fault{"disconnect-run", fault_kind::disconnect_run},
    named_fault{"disconnect-end", fault_kind::disconnect_end},
    named_fault{"slow-output", fault_kind::slow_output},
};

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::chrono::nanoseconds pace_of(std::string_view text) {
  try {
    return execo::parse_duration(text);
  } catch (const std::invalid_argument& e) {
    throw usage_error(e.what());
  }
}

}  // namespace

int signal_number(std::string_view name) noexcept {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  return execo::signal_number(name);
}

std::string signal_name(int number) {
  const char* known = ::sigabbrev_np(number);
  return known != nullptr ? known : std::to_string(number) + "@execo";
}

fault parse_fault_kind(std::string_view text) {
  for (auto [name, kind] : plain_faults)
    if (text == name) return fault(kind);
  if (text.starts_with("slow-output=")) {
    fault f(fault_kind::slow_output);
    f.pace = pace_of(text.substr(12));
    return f;
  }
  if (text.starts_with("exit-")) {
    fault f(fault_kind::exit_code);
    auto code = whole_number(text.substr(5));
    if (!code || *code < 0 || *code > 255)
      throw usage_error("'" + std::string(text) + "': an exit code is 0 to 255");
    f.number = *code;
    return f;
  }
  if (text.starts_with("signal-")) {
    fault f(fault_kind::exit_signal);
    f.number = signal_number(text.substr(7));
    if (f.number == 0) throw usage_error("'" + std::string(text) + "': no such signal");
    return f;
  }
  throw usage_error("'" + std::string(text) + "' is not a fault; see --help for the list");
}

}  // namespace execo::fleet
