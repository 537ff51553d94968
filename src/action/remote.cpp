#include "execo/remote.hpp"

#include <iterator>
#include <utility>

#include "action/fanout_action.hpp"
#include "action/kept_trees.hpp"
#include "action/remote_factory.hpp"
#include "action/tree_net.hpp"
#include "execo/tree_network.hpp"

namespace execo {
namespace {

constexpr std::size_t output_cap_per_host = std::size_t{1} << 20;

std::vector<host> list_of(const host_set& set) {
  std::vector<host> hosts;
  hosts.reserve(set.size());
  for (std::string name : set) hosts.emplace_back(std::move(name));
  return hosts;
}

void take_way(detail::fanout_action& to, ssh_options options) {
  if (to.net) return;
  to.limits = options.limits;
  to.way = std::make_shared<const ssh_options>(options);
  if (!to.shape) {
    to.factory = detail::make_remote_factory(std::move(options));
    return;
  }
  std::shared_ptr<detail::talking_command_factory> made =
      detail::make_kept_tree_factory(std::move(options), *to.shape);
  if (const auto* before = dynamic_cast<const detail::talking_factory*>(to.factory.get()))
    made->set_talk(before->talk());
  to.factory = std::move(made);
}

std::string take_tree_if_faster(detail::fanout_action& to) {
  if (to.net || to.shape || to.way->via != ssh_client::automatic) return {};
  way_choice found = choose_way(to.hosts, *to.way, to.wishes());
  if (!found.is_tree) return {};
  to.shape = tree();
  take_way(to, detail::directly(*to.way));
  return std::move(found.why);
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
          detail::action_ref(new detail::fanout_action(std::move(what), std::move(hosts).take()))) {
  detail::fanout_action& made = detail::configurable(state());
  made.commands.what.output_cap = output_cap_per_host;
  take_way(made, ssh_options());
  made.take_defaults = &take_way;
  made.consider_tree = &take_tree_if_faster;
}

remote::remote(by_function, detail::command_maker make, detail::host_arguments hosts)
    : remote(command(""), std::move(hosts)) {
  detail::configurable(state()).commands.make = std::move(make);
}

command& remote::mutable_command() { return detail::configurable(state()).commands.what; }

remote& remote::ssh(ssh_options options) & {
  detail::fanout_action& mine = detail::configurable(state());
  take_way(mine, std::move(options));
  mine.take_defaults = nullptr;
  return *this;
}

remote& remote::via(const tree& shape) & {
  detail::fanout_action& mine = detail::configurable(state());
  mine.shape = shape;
  mine.net = nullptr;
  take_way(mine, *mine.way);
  return *this;
}

remote& remote::via(const tree_network& net) & {
  detail::fanout_action& mine = detail::configurable(state());
  mine.net = detail::make_net_factory(detail::net_of(detail::state_of(net)));
  mine.factory = mine.net;
  mine.take_defaults = nullptr;
  return *this;
}

remote& remote::on_line(std::function<void(const output_line&)> handler) & {
  detail::configurable(state()).on_line = std::move(handler);
  return *this;
}

}  // namespace execo
