#include "ssh/route.hpp"

#include <errno.h>

#include "ssh/connector.hpp"
#include "ssh/jump_route.hpp"
#include "ssh/proxy_route.hpp"
#include "ssh/session_pool.hpp"
#include "ssh/unix_route.hpp"

namespace execo::detail {
namespace {

// Without a connection of ours no descriptor will become free for us: 2 s of 100 ms turns.
constexpr unsigned max_starved_turns = 20;

// libssh 0.10 keeps SSH_OPTIONS_FD in 16 bits (options.c), so a higher number would be another
// file.
constexpr int highest_descriptor = 0xffff;

}  // namespace

bool descriptor_shortage::wait() {
  bool freed = shared_.home.service<session_pool>().close_oldest();
  bool hope = freed || shared_.descriptors.open() > 0 || turns_++ < max_starved_turns;
  if (hope) shared_.descriptors.wait(waiter_);
  return hope;
}

bool suits_libssh(unique_fd& descriptor) noexcept {
  if (descriptor.get() > highest_descriptor) {
    descriptor.reset();
    errno = EMFILE;
  }
  return static_cast<bool>(descriptor);
}

std::unique_ptr<route> make_route(ssh_environment& shared, const route_target& to, delegate<> wake,
                                  delegate<> over) {
  if (route_source* source = shared.settings.ways.get())
    return source->make(shared, to, wake, over);
  if (shared.has_hops()) return std::make_unique<jump_route>(shared, to, wake, over);
  if (!shared.unix_socket.empty()) return std::make_unique<unix_route>(shared, to, wake);
  if (!shared.proxy_command.empty()) return std::make_unique<proxy_route>(shared, to, wake, over);
  return std::make_unique<connector>(shared, to.name, to.port, wake);
}

}  // namespace execo::detail
