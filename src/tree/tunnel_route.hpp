// The way of one session through an agent of a tree: see tunnel_source.hpp. Names are looked up on
// the host of the agent, as with a jump host; here, if it knows none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "loop/io_request.hpp"
#include "process/transport.hpp"
#include "ssh/resolver.hpp"
#include "ssh/route.hpp"
#include "tree/tunnel_source.hpp"

namespace execo::detail {

class tunnel_route final : public route, private transport_events {
 public:
  tunnel_route(ssh_environment& shared, const route_target& to, tunnel_source& by, delegate<> wake,
               delegate<> over);
  ~tunnel_route() override;

  progress connect(bool ready) override;
  failure why() const override { return why_; }
  unique_fd take() override;
  bool carries() const noexcept override { return true; }
  bool is_broken() const noexcept override { return stage_ == stage::broken; }
  void close(ending how) override;
  bool is_over() const noexcept override {
    return open_ == 0 && !readable_.active && !writable_.active;
  }
  std::string note() const override;
  void explain(failure& lost) const override;

 private:
  // idle -> naming (the gateway knows the address) -> asking (this machine does) -> connecting ->
  // opened -> carried -> broken. A literal address: from idle to connecting. From each before
  // `carried` to failed.
  enum class stage : std::uint8_t {
    idle,
    naming,
    asking,
    connecting,
    opened,
    carried,
    broken,
    failed
  };

  progress begin();
  void ask_gateway();
  void take_names();
  void ask_here();
  void on_addresses();
  void connect_next();
  void open(std::unique_ptr<transport> way, const command& what);
  transport& way() noexcept { return *ways_.back(); }
  progress connect_socket();
  progress fail(failure why);
  progress fail_by_gateway(failure why);
  void lose(failure why);

  void read_up();
  void on_readable(int result);
  void on_writable(int result);
  void send_down(std::span<const char> bytes);
  void end_down();
  void look_over();

  void on_phase(phase entered) override;
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(failure why) override;
  void on_written(std::size_t count) override;
  void on_closed(end_report found) override;

  ssh_environment& shared_;
  const route_target to_;
  tunnel_source& source_;
  delegate<> wake_;
  delegate<> over_;
  descriptor_shortage shortage_;
  resolver::question question_;
  const command what_;                            // asks for the addresses
  std::vector<std::unique_ptr<transport>> ways_;  // the last one is in use
  std::size_t open_ = 0;                          // of them
  std::vector<endpoint> addresses_;
  std::size_t next_ = 0;  // of them
  std::string names_;     // what the gateway says of them
  unique_fd ours_;
  unique_fd theirs_;
  io_request readable_;
  io_request writable_;
  std::string up_;    // being written
  std::string down_;  // waits for room
  failure why_;
  stage stage_ = stage::idle;
  bool down_ends_ = false;  // behind what waits
  bool closing_ = false;
};

}  // namespace execo::detail
