/// make_remote, make_put, make_get, make_local: actions as a configuration has them.
#pragma once

#include <utility>

#include "execo/config.hpp"
#include "execo/detail/host_arguments.hpp"
#include "execo/detail/text_of.hpp"
#include "execo/detail/words.hpp"
#include "execo/local.hpp"
#include "execo/remote.hpp"
#include "execo/transfer.hpp"

namespace execo {

/// A command on hosts, with the way to them (the program ssh, a connector, ...), the fanout and the
/// limits of `by`. Setters of what is returned change single values.
/// Throws: as remote, and std::invalid_argument for ways that exclude each other.
template <class What>
remote make_remote(What&& what, detail::host_arguments hosts, const config& by) {
  remote made(std::forward<What>(what), std::move(hosts));
  made.ssh(by.ssh).fanout(by.fanout);
  by.apply_limits(made);
  return made;
}

/// A command here, in a process for each name, with the fanout and the limits of `by`.
/// Throws: as local.
template <class What>
local make_local(What&& what, detail::host_arguments names, const config& by) {
  local made(std::forward<What>(what), std::move(names));
  made.fanout(by.fanout);
  by.apply_limits(made);
  return made;
}

/// A copy to hosts, with the way to them, the fanout and the limits of time of `by`.
/// Throws: as put, and std::invalid_argument for ways that exclude each other.
put make_put(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination,
             const config& by);

/// A copy from hosts, in the same way.
/// Throws: as get, and std::invalid_argument for ways that exclude each other.
get make_get(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination,
             const config& by);

}  // namespace execo
