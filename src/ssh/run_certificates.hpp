// What agents log in with where an authority vouches for them: key pairs that are made here, and
// certificates for them that live some minutes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "ssh/caller.hpp"
#include "ssh/certificate_wish.hpp"
#include "ssh/identity.hpp"
#include "ssh/login_offers.hpp"
#include "ssh/signature_jobs.hpp"
#include "wire/sign_messages.hpp"

namespace execo::detail {

/// The key that signs, and who may be asked for it.
class certificate_authority {
 public:
  /// A private key; or a public one, if there is an ssh agent.
  /// Throws: std::invalid_argument naming a file that cannot be used, and why.
  certificate_authority(const std::string& file, const ssh_options& options, const ssh_caller& by);

  const std::string file;
  const std::string agent;  // the path of its socket; empty: there is none
  identity_set keys;
  const unsigned requests;
  const secret_prompt passphrases;
};

/// On one loop.
class run_certificates final : public signature_jobs {
 public:
  static constexpr auto validity = std::chrono::minutes(10);
  /// A key that was never given to anybody, and its certificate; nothing: `problem` says why not.
  using receiver =
      std::function<void(std::optional<certificate_message> made, const std::string& problem)>;

  run_certificates(loop& on, std::shared_ptr<certificate_authority> by);
  ~run_certificates() override;

  /// From now on. `done` is called from the loop, later.
  void make(certificate_wish what, receiver done);

 private:
  class wanted;

  const std::shared_ptr<certificate_authority> by_;
  const std::shared_ptr<login_offers> offers_;
};

}  // namespace execo::detail
