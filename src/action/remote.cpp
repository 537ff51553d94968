#include "execo/remote.hpp"

#include <iterator>
#include <stdexcept>
#include <utility>

#include "action/action_state.hpp"
#include "ssh/ssh_transport.hpp"

namespace execo {
namespace {

constexpr std::size_t output_cap_per_host = std::size_t{1} << 20;

std::vector<host> list_of(const host_set& set) {
  std::vector<host> hosts;
  hosts.reserve(set.size());
  for (std::string name : set) hosts.emplace_back(std::move(name));
  return hosts;
}

detail::factory_maker over_ssh(ssh_options options) {
  return [options, by = detail::ssh_caller::now()](detail::loop& on) -> detail::transport_factory {
    ssh_options share = options;
    auto rings = static_cast<unsigned>(on.rings().size());
    share.handshakes = (options.handshakes + rings - 1) / rings;
    auto shared = detail::make_ssh_environment(on, share, by);
    return [shared](const host& where) { return detail::make_ssh_transport(shared, where); };
  };
}

}  // namespace

namespace detail {

host_arguments::host_arguments(const host_set& set) : list_(list_of(set)) {}
host_arguments::host_arguments(const host& one) { add(one); }
host_arguments::host_arguments(std::vector<host> list) : list_(std::move(list)) {}

void host_arguments::add(const host& one) { list_.push_back(one); }

void host_arguments::add_text(std::string_view text) {
  // An address in brackets begins with one.
  const bool is_set = text.starts_with('@') || text.find_first_of("[,", 1) != text.npos;
  if (!is_set) {
    list_.emplace_back(text);
    return;
  }
  std::vector<host> several = list_of(host_set(text));
  list_.insert(list_.end(), std::make_move_iterator(several.begin()),
               std::make_move_iterator(several.end()));
}

}  // namespace detail

remote::remote(command what, detail::host_arguments hosts)
    : action(
          detail::action_ref(new detail::action_state(std::move(what), std::move(hosts).take()))) {
  state_->what.output_cap = output_cap_per_host;
  state_->make_factory = over_ssh(ssh_options());
  state_->limits = ssh_options().limits;
}

command& remote::mutable_command() {
  if (state().bound()) throw std::logic_error("an action is configured before it is started");
  return state_->what;
}

remote& remote::on(executor where) & {
  (void)mutable_command();
  state_->chosen = &loop_of(where);
  return *this;
}

remote& remote::fanout(std::size_t hosts) & {
  (void)mutable_command();
  if (hosts == 0) throw std::invalid_argument("fanout: at least one host at a time");
  state_->fanout = hosts;
  return *this;
}

remote& remote::allow_empty() & {
  (void)mutable_command();
  state_->allow_empty();
  return *this;
}

remote& remote::ssh(ssh_options options) & {
  (void)mutable_command();
  state_->limits = options.limits;
  state_->make_factory = over_ssh(std::move(options));
  return *this;
}

remote& remote::on_line(std::function<void(const output_line&)> handler) & {
  (void)mutable_command();
  state_->on_line = std::move(handler);
  return *this;
}

remote& remote::on_notice(std::function<void(std::string_view)> handler) & {
  (void)mutable_command();
  state_->on_notice = std::move(handler);
  return *this;
}

}  // namespace execo
