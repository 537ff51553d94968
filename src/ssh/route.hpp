// The way to a host: it gives its session a connected descriptor, or says why there is none. Driven
// by its session, which waits for events() on fd() and calls connect().
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "process/failure.hpp"
#include "ssh/environment.hpp"

namespace execo::detail {

/// What a session is to reach. Outlives its route.
class route_target {
 public:
  const std::string& name;
  int port;
  const std::string& user;
};

class route {
 public:
  enum class progress { waiting, done, failed };
  /// Why it is closed: the connection was lost, or its session was closed.
  enum class ending { lost, given_up };

  virtual ~route() = default;

  /// It has names to look up first.
  virtual bool resolves() const noexcept { return false; }
  /// `done`: the addresses are known.
  virtual progress resolve() { return progress::done; }
  /// The address that it begins with, if it looks names up; empty: what the host is called is all
  /// that is known. Pre: resolve() was done.
  virtual std::string address() const { return {}; }
  /// Does what can be done now; `done`: take(). `ready`: an event came for fd().
  /// Pre: resolve() was done.
  virtual progress connect(bool ready) = 0;
  /// After `failed`, or when it is broken.
  virtual failure why() const = 0;

  virtual int fd() const noexcept { return -1; }
  virtual unsigned events() const noexcept { return 0; }
  /// After `done`. The socket counts as open in the environment until its owner says freed().
  virtual unique_fd take() = 0;

  /// The descriptor leads to something of its own, which close() ends.
  virtual bool carries() const noexcept { return false; }
  /// Who listens at the other end is not the host: the host has to speak first.
  virtual bool connects_later() const noexcept { return false; }
  /// How long in all what carries the connection was not read so far.
  virtual clock::duration unread_time() const noexcept { return {}; }
  /// What carries the connection is lost: why().
  virtual bool is_broken() const noexcept { return false; }
  /// Ends what it began. With `lost` it may wait for what says why.
  virtual void close(ending how) { (void)how; }
  /// Nothing of it is left, once close() was called.
  virtual bool is_over() const noexcept { return true; }
  /// What it has to say of a connection that is still being made; empty: nothing.
  virtual std::string note() const { return {}; }
  /// Why what it waits for has failed the last time, if that is tried again now.
  virtual std::optional<failed_try> last_try() const { return std::nullopt; }
  /// Adds what it knows to why the connection was lost. Pre: is_over().
  virtual void explain(failure& lost) const { (void)lost; }
  /// What carries the connection is read now.
  virtual bool is_read() const noexcept { return true; }
};

/// Makes the ways to hosts that lead through what the ssh options do not know.
class route_source {
 public:
  virtual ~route_source() = default;
  /// What distinguishes it from others in a list of connections.
  virtual const std::string& name() const noexcept = 0;
  /// As make_route(), which calls it.
  virtual std::unique_ptr<route> make(ssh_environment& shared, const route_target& to,
                                      delegate<> wake, delegate<> over) = 0;
};

/// Waits for a descriptor when there is none left.
class descriptor_shortage {
 public:
  descriptor_shortage(ssh_environment& shared, delegate<> retry) noexcept
      : shared_(shared), waiter_(retry) {}
  bool waits() const noexcept { return waiter_.waiting(); }
  /// False: there is no hope for one.
  bool wait();

 private:
  ssh_environment& shared_;
  descriptor_queue::waiter waiter_;
  unsigned turns_ = 0;
};

/// libssh can use it. Otherwise it is closed, and errno says that there are too many.
bool suits_libssh(unique_fd& descriptor) noexcept;

/// `wake` is called when resolve() or connect() should be, apart from readiness of fd(); `over`
/// when a route that is being closed is over. Both come from the loop or from a call of the route.
std::unique_ptr<route> make_route(ssh_environment& shared, const route_target& to, delegate<> wake,
                                  delegate<> over);

}  // namespace execo::detail
