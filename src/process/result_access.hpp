// Write access to results, for what makes them.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "execo/status.hpp"

namespace execo::detail {

/// Writes the private part of a result.
struct result_access {
  static void set_not_started(result& r, std::string name) {
    r.name_ = std::move(name);
    r.how_ = end_reason::not_started;
  }
  static std::string& name(result& r) { return r.name_; }
  // Without memory for them these are left out.
  static void set_context(result& r, std::string text) noexcept {
    set_detail(r, text.empty(), [&](auto& all) { all.error_context = std::move(text); });
  }
  static void set_transport_why(result& r, std::string text) noexcept {
    set_detail(r, text.empty(), [&](auto& all) { all.transport_why = std::move(text); });
  }
  static void set_escaped(result& r, std::vector<pid_t> pids) noexcept {
    set_detail(r, pids.empty(), [&](auto& all) { all.escaped = std::move(pids); });
  }
  static void set_ended_with_it(result& r, std::size_t count) noexcept {
    set_detail(r, count == 0, [&](auto& all) { all.ended_with_it = count; });
  }
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
  static bool& notable(result& r) { return r.notable_; }
  static bool& ok(result& r) { return r.ok_; }
  static bool& killed(result& r) { return r.killed_; }
  static bool& forced_kill(result& r) { return r.forced_kill_; }
  static leftover_cause& leftover(result& r) { return r.leftover_; }
  static failure_reason& reason(result& r) { return r.reason_; }
  static connection_use& connection(result& r) { return r.connection_; }
  static transport_kind& transport(result& r) { return r.transport_; }
  static certainty& started_command(result& r) { return r.started_command_; }
  /// But for what a cap left out.
  static bool& output_complete(result& r) { return r.output_complete_; }
  static output_limit& dropped_by(result& r) { return r.dropped_by_; }
  /// For `out` and `err`.
  static output_charge& charge(result& r) { return r.charge_; }

 private:
  template <class Set>
  static void set_detail(result& r, bool is_nothing, Set&& set) noexcept {
    if (is_nothing && !r.details_) return;
    contain(
        [&] {
          // Copies of the result share them.
          auto changed = std::make_shared<result::rare_details>(r.details());
          set(*changed);
          r.details_ = std::move(changed);
        },
        [](const std::exception_ptr&) {});
  }
};

}  // namespace execo::detail
