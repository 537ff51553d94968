// Through the connection to a hop, which all hosts behind it share.
#pragma once

#include <memory>
#include <string>

#include "ssh/forwarder.hpp"
#include "ssh/pooled_session.hpp"
#include "ssh/route.hpp"

namespace execo::detail {

class jump_route final : public route, private session_user, private forward_owner {
 public:
  jump_route(ssh_environment& shared, const route_target& to, delegate<> wake, delegate<> over);
  ~jump_route() override;

  progress connect(bool ready) override;
  failure why() const override { return why_; }
  unique_fd take() override;
  bool carries() const noexcept override { return true; }
  clock::duration unread_time() const noexcept override {
    return lease_ ? lease_->session().unread_time() : clock::duration(0);
  }
  bool is_read() const noexcept override { return !lease_ || lease_->session().is_read(); }
  bool is_broken() const noexcept override { return stage_ == stage::broken; }
  void close(ending how) override;
  bool is_over() const noexcept override { return forward_ == nullptr; }
  std::string note() const override;
  std::optional<failed_try> last_try() const override;

 private:
  // idle -> waiting (for the hop) -> opening -> opened -> connected -> broken. From the first ones
  // to failed.
  enum class stage : std::uint8_t { idle, waiting, opening, opened, connected, broken, failed };

  progress begin();
  void lease_hop();
  progress connect_socket();
  progress fail(failure why);
  std::string label() const;

  void session_entered(phase) override {}
  void session_waits() override {}
  void session_ready() override;
  void session_full() override;
  void session_failed(const failure& why) override;
  void forward_opened() override;
  void forward_refused(std::string why) override;
  void forward_closed() override;

  ssh_environment& shared_;
  const route_target to_;
  delegate<> wake_;
  delegate<> over_;
  descriptor_shortage shortage_;
  std::unique_ptr<session_lease> lease_;
  forward* forward_ = nullptr;  // the hop's, until it is closed
  unique_fd ours_;
  failure why_;
  stage stage_ = stage::idle;
  bool closing_ = false;
};

}  // namespace execo::detail
