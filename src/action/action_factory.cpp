#include "execo/action_factory.hpp"

#include <utility>

namespace execo {
namespace {

// A copy is read by execo itself, so there is no first output to wait for, and none to keep.
template <class Copy>
Copy configured_copy(Copy made, const config& by) {
  made.ssh(by.ssh).fanout(by.fanout);
  made.timeout(by.timeout).idle_timeout(by.idle_timeout).total_timeout(by.total_timeout);
  made.kill_timeout(by.kill_timeout);
  return made;
}

}  // namespace

put make_put(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination,
             const config& by) {
  return configured_copy(put(std::move(sources), std::move(hosts), destination), by);
}

get make_get(detail::word_list sources, detail::host_arguments hosts, detail::text_view destination,
             const config& by) {
  return configured_copy(get(std::move(sources), std::move(hosts), destination), by);
}

}  // namespace execo
