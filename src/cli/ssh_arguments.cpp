#include "ssh_arguments.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "command_line/values.hpp"

namespace execo::cli {
namespace {

// Without the values that the configuration and a command line can both give.
ssh_options with_unset_values(ssh_options some) {
  some.user.clear();
  some.port = 0;
  some.identities.clear();
  some.host_key_policy.reset();
  some.known_hosts.clear();
  some.key_exchange.clear();
  some.connector.clear();
  some.jump.clear();
  some.limits.establish.reset();
  some.tcp_keepalive.reset();
  some.keepalive.reset();
  return some;
}

}  // namespace

ssh_arguments::ssh_arguments(const ssh_options& configured)
    : given(with_unset_values(configured)), configured_(configured) {
  // One action a run: nothing would use a connection again.
  given.reuse = false;
}

void ssh_arguments::add_config_line(const command_line::given_option& option) {
  std::string line = command_line::plain_text(option);
  std::string name = line.substr(0, line.find_first_of("= \t"));
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  named_.push_back(std::move(name));
  given.config_lines.push_back(std::move(line));
}

void ssh_arguments::jump(const command_line::given_option& option) {
  try {
    given.jump = jump_hosts(option.value);
  } catch (const std::invalid_argument& error) {
    command_line::refuse(option, error.what());
  }
  // The one on the command line counts.
  given.proxy_command.clear();
  given.unix_socket.clear();
}

template <class Value>
void ssh_arguments::fill_in(Value ssh_options::*member, std::string_view keyword) {
  if (given.*member == Value() && !is_named(keyword))
    given.*member = std::move(configured_.*member);
}

bool ssh_arguments::is_named(std::string_view keyword) const {
  return std::find(named_.begin(), named_.end(), keyword) != named_.end();
}

ssh_options ssh_arguments::take() {
  fill_in(&ssh_options::user, "user");
  fill_in(&ssh_options::port, "port");
  fill_in(&ssh_options::identities, "identityfile");
  fill_in(&ssh_options::host_key_policy, "stricthostkeychecking");
  fill_in(&ssh_options::known_hosts, "userknownhostsfile");
  fill_in(&ssh_options::key_exchange, "kexalgorithms");
  fill_in(&ssh_options::tcp_keepalive, "tcpkeepalive");
  fill_in(&ssh_options::keepalive, "serveraliveinterval");
  // A way that the command line names counts alone; `auto` names none.
  if (given.via == configured_.via || given.via == ssh_client::automatic)
    fill_in(&ssh_options::connector, "");
  if (!is_named("proxycommand")) fill_in(&ssh_options::jump, "proxyjump");
  if (!given.limits.establish && !is_named("connecttimeout"))
    given.limits.establish = configured_.limits.establish;
  return std::move(given);
}

}  // namespace execo::cli
