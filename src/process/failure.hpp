// Why a connection or a command on it could not be, ready to be shown.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

#include "execo/status.hpp"

namespace execo::detail {

/// Of an attempt to connect.
inline failure_reason reason_of(const std::error_code& why) noexcept {
  if (why == std::errc::connection_refused) return failure_reason::refused;
  if (why == std::errc::timed_out) return failure_reason::dropped;
  if (why == std::errc::connection_reset) return failure_reason::closed;
  bool no_way = why == std::errc::host_unreachable || why == std::errc::network_unreachable;
  return no_way ? failure_reason::unreachable : failure_reason::none;
}

class failure {
 public:
  failure() = default;
  failure(end_reason end, std::error_code code, std::string text)
      : how(end), why(code), context(std::move(text)) {}

  end_reason how = end_reason::connect_failed;
  std::error_code why;
  /// One line; names the host.
  std::string context;
  failure_reason reason = failure_reason::none;
  /// The `ssh` program may do what failed here.
  bool fits_openssh = false;
  /// Another try would end in the same way, by all appearances.
  bool is_final = false;

  /// It is one of the last of `count` hops on the way to a host, unless it is one of a hop before.
  void name_hop(const std::string& name, const std::string& user, std::size_t count) {
    hops_ = count;
    if (hop_ != 0) return;
    hop_ = count;
    name_ = name;
    for (const std::string& label : {user + "@" + name + ": ", name + ": "})
      if (context.starts_with(label)) context.erase(0, label.size());
  }
  /// One line, for people.
  std::string text() const {
    if (hop_ == 0) return context;
    return name_ + " (hop " + std::to_string(hop_) + " of " + std::to_string(hops_) +
           "): " + context;
  }

 private:
  std::string name_;  // of the hop
  std::size_t hop_ = 0;
  std::size_t hops_ = 0;
};

/// One of several tries, which has failed.
class failed_try {
 public:
  failure why;
  phase where = phase::resolve;
};

}  // namespace execo::detail
