// Write access to results, for what makes them.
#pragma once

#include <string>
#include <utility>

#include "execo/status.hpp"

namespace execo::detail {

/// Writes the private part of a result.
struct result_access {
  static void set_not_started(result& r, std::string name) {
    r.name_ = std::move(name);
    r.how_ = end_reason::not_started;
  }
  static std::string& name(result& r) { return r.name_; }
  static std::string& context(result& r) { return r.error_context_; }
  static std::error_code& error(result& r) { return r.error_; }
  static time_point& started(result& r) { return r.started_; }
  static duration& elapsed(result& r) { return r.elapsed_; }
  static std::uint64_t& out_dropped(result& r) { return r.out_dropped_; }
  static std::uint64_t& err_dropped(result& r) { return r.err_dropped_; }
  static std::uint64_t& out_bytes(result& r) { return r.out_bytes_; }
  static std::uint64_t& err_bytes(result& r) { return r.err_bytes_; }
  static exit_status& status(result& r) { return r.status_; }
  static end_reason& how(result& r) { return r.how_; }
  static phase& where(result& r) { return r.phase_; }
  static std::optional<resource_usage>& usage(result& r) { return r.usage_; }
  static std::optional<execo::kill_scope>& scope(result& r) { return r.scope_; }
  static std::size_t& ended_with_it(result& r) { return r.ended_with_it_; }
  static std::vector<pid_t>& escaped(result& r) { return r.escaped_; }
  static bool& notable(result& r) { return r.notable_; }
  static bool& ok(result& r) { return r.ok_; }
  static bool& killed(result& r) { return r.killed_; }
  static bool& forced_kill(result& r) { return r.forced_kill_; }
  static leftover_cause& leftover(result& r) { return r.leftover_; }
  static failure_reason& reason(result& r) { return r.reason_; }
  static connection_use& connection(result& r) { return r.connection_; }
  static transport_kind& transport(result& r) { return r.transport_; }
  static std::string& transport_why(result& r) { return r.transport_why_; }
  static certainty& started_command(result& r) { return r.started_command_; }
  /// But for what a cap left out.
  static bool& output_complete(result& r) { return r.output_complete_; }
  static bool& output_capped(result& r) { return r.output_capped_; }
};

}  // namespace execo::detail
