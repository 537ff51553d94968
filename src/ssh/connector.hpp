// The way over TCP: resolve, then the addresses. Each has a quarter of a second for itself; then
// the next one is tried as well, and the first to answer is taken (RFC 8305).
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "process/failure.hpp"
#include "ssh/environment.hpp"
#include "ssh/route.hpp"

namespace execo::detail {

class connector final : public route {
 public:
  connector(ssh_environment& shared, const std::string& name, int port, delegate<> wake);
  ~connector() override;

  bool resolves() const noexcept override { return true; }
  progress resolve() override;
  std::string address() const override { return question_.addresses.front().text(); }
  progress connect(bool ready) override;
  failure why() const override { return why_; }

  int fd() const noexcept override;
  unsigned events() const noexcept override;
  unique_fd take() override;

 private:
  enum class opened { connecting, connected, failed, starved };

  void drop_other_families();
  bool may_begin() const;
  opened begin_next();
  bool open_socket(unique_fd& socket);
  bool bind_socket(int socket) const;
  bool begins_once_more();
  bool rests() const { return shared_.home.now() < round_begins_; }
  bool watch_several(int socket);
  void take_answers();
  void drop(std::size_t attempt);
  void drop_all();
  void postpone();
  progress fail(std::error_code code, std::string context);
  std::string target() const;

  ssh_environment& shared_;
  const std::string& name_;
  int port_;
  bool asked_ = false;
  unsigned rounds_ = 1;  // through all addresses
  clock::time_point round_begins_{};
  std::size_t next_ = 0;             // the address to begin with
  std::vector<unique_fd> attempts_;  // in flight, the oldest first
  unique_fd connected_;
  unique_fd several_;  // an epoll of all attempts, once there are two
  clock::time_point next_begins_{};
  std::error_code last_error_;
  resolver::question question_;
  descriptor_shortage shortage_;
  deadline_timer stagger_;
  failure why_;
};

}  // namespace execo::detail
