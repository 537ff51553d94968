/// port_forward: connections of programs here, carried over ssh to where a host reaches.
#pragma once

#include <optional>
#include <utility>

#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/detail/forward_ops.hpp"
#include "execo/detail/process_handle.hpp"
#include "execo/forward_counts.hpp"
#include "execo/forward_endpoint.hpp"
#include "execo/host.hpp"
#include "execo/status.hpp"

namespace execo {

/// What becomes of a port forward that was started: it listens, or it has ended.
class forward_start {
 public:
  explicit forward_start(forward_endpoint at) : here_(std::move(at)) {}
  explicit forward_start(result why) : end_(std::move(why)) {}

  /// It listens.
  bool ok() const noexcept { return here_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  /// Where, with the port that was chosen. Pre: ok(); else throws std::bad_optional_access.
  const forward_endpoint& here() const { return here_.value(); }
  /// Why it does not: how, in which phase, and what error. Without a meaning if ok().
  const result& end() const noexcept { return end_; }

 private:
  std::optional<forward_endpoint> here_;
  result end_;
};

namespace detail {

process_ref make_port_forward(forward_endpoint here, host via,
                              std::optional<forward_endpoint> there);
process_ref make_remote_forward(forward_endpoint on_host, host via, forward_endpoint there);
/// Throws: std::invalid_argument for options that no forward has.
void set_forward_ssh(process_state& of, ssh_options options);
forward_counts counts_of(const process_state& of);

}  // namespace detail

/// A port forward, as `ssh -L`, `ssh -D` and `ssh -R` make them. Lazy: it starts when awaited, or
/// with start(). It lasts until it is ended, or its ssh connection is lost.
///
/// The handle owns it: when the last handle is destroyed, it ends, unless detached. Forwards over
/// the same host with the same options share a connection, which jumps through that host use as
/// well, and which no command uses.
///
/// A connection whose far end refuses it is closed and counted; the forward goes on. At most 256
/// connections are carried at a time, further ones wait. A side that does not read stops the other
/// one; the end of what one side sends is passed on.
class [[nodiscard]] port_forward : private detail::process_handle {
 public:
  /// Who connects to `here`, on this machine, is connected to `there`, as the host `via` reaches
  /// it: a name is looked up there. Either may be a unix socket.
  /// Throws: std::invalid_argument if `here` is no literal address, or `there` has no port.
  static port_forward local(forward_endpoint here, host via, forward_endpoint there) {
    return port_forward(
        detail::make_port_forward(std::move(here), std::move(via), std::move(there)));
  }
  /// The same, but each client says where to: `here` is a SOCKS proxy, SOCKS5 without a login,
  /// SOCKS4 and SOCKS4a. Throws: as local().
  static port_forward dynamic(forward_endpoint here, host via) {
    return port_forward(detail::make_port_forward(std::move(here), std::move(via), std::nullopt));
  }
  /// Who connects to `on_host`, a port or a unix socket of the host `via`, is connected to `there`,
  /// as this machine reaches it: a port, or a unix socket. It has an ssh connection of its own, by
  /// the program ssh for a unix socket. Servers listen on their loopback addresses alone unless
  /// GatewayPorts says otherwise. A client that comes when 256 are carried is refused.
  /// Throws: std::invalid_argument if `there` has no port.
  static port_forward remote(forward_endpoint on_host, host via, forward_endpoint there) {
    return port_forward(
        detail::make_remote_forward(std::move(on_host), std::move(via), std::move(there)));
  }
  port_forward(port_forward&&) noexcept = default;
  port_forward& operator=(port_forward&&) noexcept = default;

  /// How to reach the host. Default: as the connection defaults and ssh_config(5) say. By the
  /// program ssh, which carries a forward where `via` says so or libssh cannot, there is no count
  /// of connections and no limit to them.
  /// Throws: std::invalid_argument for a connector, another user (become), a lease, or for the
  /// client libssh if the host is to listen on a unix socket.
  port_forward& ssh(ssh_options options) & {
    (void)configurable();
    detail::set_forward_ssh(shared_state(), std::move(options));
    return *this;
  }
  port_forward&& ssh(ssh_options options) && { return std::move(ssh(std::move(options))); }

  /// The context it will run on. Default: the awaiting coroutine's, else the calling thread's, else
  /// context::default_instance().
  port_forward& on(executor where) & {
    set_place(where);
    return *this;
  }
  port_forward&& on(executor where) && { return std::move(on(where)); }

  /// Starts it now. A host that cannot be reached does not throw: ready() and the result say so.
  /// Starting twice does nothing.
  /// Thread: any.
  port_forward& start() & {
    start_now();
    return *this;
  }
  port_forward start() && {
    start_now();
    return std::move(*this);
  }

  /// Starts it if needed, and waits until it listens, or has ended before. Connections are taken
  /// from then on; whether the server allows them is only known with the first one.
  /// Stop: leaves the forward as it is; throws operation_cancelled.
  /// Resumes: on the awaiting coroutine's loop, else on the forward's.
  detail::forward_ready_op ready() & {
    (void)shared_state();
    return detail::forward_ready_op(detail::process_ref(&shared_state()));
  }

  /// Starts it if needed, and waits for its end. `co_await f` is the same.
  /// Stop: ends it; the result says `cancelled`.
  /// Resumes, throws: as process::run().
  using process_handle::run;
  using process_handle::operator co_await;
  /// Waits for the end of one that was started. As process::wait().
  using process_handle::detach;
  using process_handle::running;
  using process_handle::try_result;
  using process_handle::wait;

  /// Ends it, with all its connections. Does nothing before the start and after the end.
  /// Thread: any.
  void kill() noexcept { process_handle::kill(); }

  /// What it has carried so far, also after its end. By the program ssh nothing is counted.
  /// Thread: any.
  forward_counts counts() const { return detail::counts_of(shared_state()); }

 private:
  explicit port_forward(detail::process_ref state) noexcept : process_handle(std::move(state)) {}
};

}  // namespace execo
