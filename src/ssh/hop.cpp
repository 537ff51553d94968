#include "ssh/hop.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "execo/printable.hpp"
#include "execo/ssh_config.hpp"
#include "ssh/config_values.hpp"
#include "ssh/environment.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/route.hpp"
#include "ssh/session_pool.hpp"

namespace execo {

std::vector<std::string> jump_hosts(std::string_view list) {
  if (list == "none") return {};
  ssh_options read;
  for (std::size_t comma = 0; comma != list.npos; list.remove_prefix(comma + 1)) {
    comma = list.find(',');
    read.jump.emplace_back(list.substr(0, comma));
    if (comma == list.npos) break;
  }
  detail::check_routes(read);
  return read.jump;
}

namespace detail {

void check_routes(const ssh_options& options) {
  int routes = (options.unix_socket.empty() ? 0 : 1) + (options.proxy_command.empty() ? 0 : 1) +
               (options.jump.empty() ? 0 : 1);
  if (routes > 1)
    throw std::invalid_argument(
        "ssh_options: jump, proxy_command and unix_socket exclude each other");
  for (const std::string& hop : options.jump)
    if (!read_ssh_address(hop))
      throw std::invalid_argument("jump: '" + printable(hop) + "' is not [user@]host[:port]");
}

namespace {

// By what its own lines say, which may be further hops.
ssh_hop hop_by_config(const ssh_environment& of, ssh_options options, const hop_source& source,
                      const std::string& name) {
  host_directory hosts(of.home, std::move(options), of.caller, source.config);
  bool v6 = name.find(':') != name.npos;
  ssh_target to;
  try {
    to = hosts.find(host(v6 ? "[" + name + "]" : name));
  } catch (const ssh_config_error& error) {
    throw std::invalid_argument(error.what());
  }
  if (!to.shared->settings.needs_ssh.empty())
    throw std::invalid_argument(name + ": " + to.shared->settings.needs_ssh +
                                " of ssh_config needs the ssh program");
  ssh_hop hop;
  hop.shared = std::move(to.shared);
  hop.name = std::move(to.name);
  hop.port = to.port;
  hop.user = std::move(to.user);
  return hop;
}

}  // namespace

// As with ssh -J: user and port of the hosts behind it are not those of the hop.
ssh_hop last_hop_before(const ssh_environment& of) {
  const hop_source* source = of.settings.hops.get();
  ssh_options options = source != nullptr ? source->base : of.options();
  options.jump = of.options().jump;
  ssh_destination read = read_ssh_address(options.jump.back()).value();
  options.jump.pop_back();
  // Those of the action lead to its hosts.
  options.proxy_command.clear();
  options.unix_socket.clear();
  options.user = read.user;
  options.port = read.port.empty() ? 0 : std::stoi(read.port);
  options.reuse = true;
  if (source != nullptr) return hop_by_config(of, std::move(options), *source, read.host);
  ssh_hop hop;
  hop.shared = of.home.service<session_pool>().environment_for(options, of.caller);
  hop.name = read.host;
  hop.port = hop.shared->port;
  hop.user = hop.shared->user;
  return hop;
}

std::string loop_of_hops(ssh_environment& shared, const route_target& to) {
  std::vector<std::tuple<std::string, int, std::string>> seen{{to.name, to.port, to.user}};
  std::string path = to.name;
  for (ssh_environment* at = &shared; at->has_hops();) {
    const ssh_hop& hop = at->last_hop();
    path = hop.name + " -> " + path;
    std::tuple one(hop.name, hop.port, hop.user);
    if (std::ranges::find(seen, one) != seen.end()) {
      at->forget_hop();
      return path;
    }
    seen.push_back(std::move(one));
    at = hop.shared.get();
  }
  return {};
}

}  // namespace detail
}  // namespace execo
