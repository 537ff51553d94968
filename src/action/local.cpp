#include "execo/local.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "action/fanout_action.hpp"
#include "process/command_check.hpp"
#include "process/local_transport.hpp"
#include "process/surroundings.hpp"

namespace execo {
namespace {

constexpr std::size_t output_cap_per_process = std::size_t{1} << 20;

class local_factory final : public detail::command_factory {
 public:
  void prepare(const command& what) override {
    detail::check_local(what);
    around_ = detail::surroundings::now(detail::surroundings::caller::goes_on);
  }
  // Its two outputs, its input and the child itself.
  std::size_t descriptors() const noexcept override { return 4; }
  detail::command_place place() const noexcept override { return detail::command_place::here; }
  // Nobody makes a child any more: the directory is not held for those who keep the handle.
  void end(std::size_t ring) noexcept override {
    if (ring == 0) around_.reset();
  }

 private:
  std::unique_ptr<detail::transport> transport_to(detail::loop& on, std::size_t,
                                                  detail::attempt& what) override {
    auto own = std::make_shared<command>(*what.what);
    own->handlers.clear();
    own->set_variable("EXECO_HOST", what.where.name());
    what.what = std::move(own);
    return detail::make_local_transport(on, around_);
  }

  std::shared_ptr<const detail::surroundings> around_;  // from the start on
};

std::vector<host> numbered(std::size_t count) {
  std::vector<host> names;
  names.reserve(count);
  for (std::size_t i = 1; i <= count; ++i) names.emplace_back("local-" + std::to_string(i));
  return names;
}

detail::action_ref make_local(command what, std::vector<host> names) {
  auto* made = new detail::fanout_action(std::move(what), std::move(names));
  detail::action_ref kept(made);
  made->commands.what.output_cap = output_cap_per_process;
  made->factory = std::make_shared<local_factory>();
  return kept;
}

}  // namespace

local::local(command what, std::size_t count)
    : action(make_local(std::move(what), numbered(count))) {}

local::local(command what, detail::host_arguments names)
    : action(make_local(std::move(what), std::move(names).take())) {}

command& local::mutable_command() { return detail::configurable(state()).commands.what; }

}  // namespace execo
