#include "execo/way_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "action/tree_factory.hpp"
#include "execo/ssh_config.hpp"
#include "shape/reach_choice.hpp"

namespace execo {
namespace {

// Keywords of ssh_config(5) with which this process connects to a host itself: the way there is not
// one that another host could go, or the program ssh goes it.
constexpr std::array<std::string_view, 7> ways_from_here{
    "proxyjump",         "proxycommand", "bindinterface",   "canonicalizehostname",
    "knownhostscommand", "forwardagent", "verifyhostkeydns"};

bool is_off(std::string_view value) {
  return value.empty() || value == "no" || value == "false" || value == "none" || value == "off";
}

std::string why_by_config(const host& first, const ssh_options& options) {
  ssh_config::source from;
  from.file = options.config_file;
  from.options = options.config_lines;
  for (const ssh_setting& one : ssh_config(std::move(from)).settings_of(first.name())) {
    const bool leads_from_here =
        std::ranges::find(ways_from_here, one.name) != ways_from_here.end();
    if (leads_from_here && !is_off(one.value))
      return fmt::format("by {} of ssh_config all hosts are reached from here", one.name);
    const bool is_policy = one.name == "stricthostkeychecking" && !options.host_key_policy;
    if (is_policy && is_off(one.value)) return "hosts log in to no others whose keys go unchecked";
  }
  return {};
}

// Agents would ask for hosts in vain: the root connects to all of them.
std::string why_from_here(const host& first, const ssh_options& options) {
  if (!options.jump.empty() || !options.proxy_command.empty() || !options.unix_socket.empty())
    return "by a jump, a proxy command or a unix socket all hosts are reached from here";
  if (options.host_key_policy == host_keys::ignore)
    return "hosts log in to no others whose keys go unchecked";
  if (options.password) return "no host of a tree is given a password";
  try {
    return why_by_config(first, options);
  } catch (const ssh_config_error&) {
    return {};  // the action says what is wrong with them
  }
}

std::string why_no_tree(const host& first, const ssh_options& options, const way_wishes& wishes) {
  const bool trusts_site = wishes.shape.settings().site_trust;
  if (wishes.in_batches) return "hosts begin in batches";
  if (wishes.by_sftp) return "SFTP is for hosts that are reached directly";
  if (!options.become.empty() && options.become_password)
    return "no host of a tree is given a password to become another user";
  if (options.lease.count() > 0) return "a lease is for hosts that are reached directly";
  if (!detail::hosts_connect_on(options, trusts_site))
    return "hosts do not reach others by this connector";
  if (!options.connector.empty() || trusts_site) return {};
  return why_from_here(first, options);
}

detail::reach_choice by_model(std::size_t hosts, const way_wishes& wishes) {
  detail::reach_question asked;
  asked.hosts = hosts;
  asked.bound = wishes.fanout;
  asked.arity = static_cast<unsigned>(wishes.shape.settings().arity);
  const std::size_t at_a_time = wishes.fanout == 0 ? wishes.usual_fanout : wishes.fanout;
  asked.root = detail::cost_of_direct_login(static_cast<double>(at_a_time));
  asked.node = detail::cost_of_relayed_login();
  return detail::choose_reach(asked);
}

}  // namespace

way_choice choose_way(std::span<const host> hosts, const ssh_options& options,
                      const way_wishes& wishes) {
  way_choice made;
  const detail::reach_choice model = by_model(hosts.size(), wishes);
  switch (model.why) {
    case detail::reach_reason::few_hosts:
      made.why = fmt::format("up to {} hosts are reached directly", detail::max_direct_hosts);
      return made;
    case detail::reach_reason::direct_is_as_fast:
      made.why = fmt::format("{} hosts take {:.1f} s directly and {:.1f} s by a tree, by the model",
                             hosts.size(), model.direct_seconds, model.tree_seconds);
      return made;
    case detail::reach_reason::tree_is_faster:
      made.why = why_no_tree(hosts.front(), options, wishes);
      made.is_tree = made.why.empty();
  }
  if (made.is_tree)
    made.why = fmt::format("{} hosts take {:.1f} s by it and {:.1f} s directly, by the model",
                           hosts.size(), model.tree_seconds, model.direct_seconds);
  return made;
}

}  // namespace execo
