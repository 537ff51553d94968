// What the connectors of this agent log in with where an authority vouches for the tree: files
// without names, in memory, of its key and of the certificate.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/file_holder.hpp"
#include "agent/spawn.hpp"
#include "wire/sign_messages.hpp"

namespace execo::agent {

class run_certificate {
 public:
  explicit run_certificate(const surroundings& around) : around_(around) {}

  /// The files are these from now on; those from before stay until the next ones, for who has
  /// begun with them. If there can be none, those from before are what there is.
  void take(const detail::certificate_message& what);
  /// What it was given last; null: nothing.
  const detail::certificate_message* told() const noexcept { return told_ ? &*told_ : nullptr; }
  bool is_ready() const noexcept { return now_.has_started(); }
  /// Why it is not.
  const std::string& problem() const noexcept { return problem_; }
  /// Pre of both: it is ready.
  std::string key_path() const { return now_.first_path(); }
  std::string certificate_path() const { return now_.second_path(); }
  bool has_process(pid_t pid) const noexcept {
    return now_.is_process(pid) || before_.is_process(pid);
  }

 private:
  const surroundings& around_;
  std::optional<detail::certificate_message> told_;
  file_holder now_, before_;
  std::string problem_ = "there is no certificate here yet";
};

}  // namespace execo::agent
