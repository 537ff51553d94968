#include "execo/connection_defaults.hpp"

#include <utility>

#include "action/remote_factory.hpp"
#include "base/shared_values.hpp"
#include "loop/loop.hpp"

namespace execo {
namespace detail {

std::shared_ptr<const ssh_options> defaults_of(const loop& on) {
  return on.values() == nullptr ? nullptr : on.values()->find<ssh_options>();
}

}  // namespace detail

void set_connection_defaults(context& of, ssh_options options) {
  (void)detail::make_remote_factory(options);
  detail::loop_of(of).values()->set(std::move(options));
}

ssh_options connection_defaults(const context& of) {
  std::shared_ptr<const ssh_options> set =
      detail::defaults_of(detail::loop_of(const_cast<context&>(of)));
  return set ? *set : ssh_options();
}

}  // namespace execo
