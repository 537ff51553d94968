#include "action/execution_factory.hpp"

#include <functional>

#include "process/lifecycle.hpp"

namespace execo::detail {

std::size_t execution_factory::ring_of(const host& where, std::size_t rings) const noexcept {
  if (rings == 1) return 0;
  return (std::hash<std::string>()(where.name()) + static_cast<std::size_t>(where.port())) % rings;
}

login_place execution_factory::login_to(const host& where) const {
  login_place found;
  found.user = where.user();
  found.port = where.port();
  return found;
}

bool execution_factory::may_be_retried(const result& r) const noexcept {
  return !r.ok() && r.started_command() == certainty::no;
}

intrusive_ptr<execution> command_factory::make(loop& on, std::size_t ring, attempt what) {
  intrusive_ptr<lifecycle> made = make_run(on, ring, std::move(what));
  return intrusive_ptr<execution>(made.get());
}

intrusive_ptr<lifecycle> command_factory::make_run(loop& on, std::size_t ring, attempt what) {
  std::unique_ptr<transport> how = transport_to(on, ring, what);
  return intrusive_ptr<lifecycle>(
      new lifecycle(on, std::move(what.what), std::move(what.stdio), std::move(how), what.limits));
}

}  // namespace execo::detail
