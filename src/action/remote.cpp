#include "execo/remote.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "action/fanout_action.hpp"
#include "action/ssh_factory.hpp"

#include "execo/ssh_config.hpp"
#include "ssh/automatic_transport.hpp"
#include "ssh/become_transport.hpp"
#include "ssh/connector_transport.hpp"
#include "ssh/failing_transport.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/openssh_transport.hpp"
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

/// Keeps what the hosts of each ring share; the first host makes it there.
class remote_factory final : public detail::ssh_factory {
 public:
  explicit remote_factory(ssh_options chosen) : ssh_factory(std::move(chosen)) {
    if (!options().become.empty())
      become_ = std::make_shared<const detail::become_setup>(options());
    if (!options().connector.empty()) {
      if (options().lease.count() > 0)
        throw std::invalid_argument("a connector keeps no lease of commands: that is for ssh");
      connector_ = std::make_shared<const detail::connector_setup>(options(), by());
      if (become_ && place() != detail::command_place::elsewhere)
        throw std::invalid_argument("become: not with the connector exec:, which runs it here");
      return;
    }
    std::string_view refused = detail::openssh_setup::why_not(options());
    if (options().via == ssh_client::openssh && !refused.empty())
      throw std::invalid_argument("via openssh: " + std::string(refused) + " is for libssh");
    if (options().via != ssh_client::built_in && refused.empty())
      around_ = options().proxy_command.empty()
                    ? detail::surroundings::variables_now()
                    : detail::surroundings::now(detail::surroundings::caller::stands_still);
  }

  void begin(detail::loop& on) override {
    if (around_) openssh_ = std::make_shared<const detail::openssh_setup>(options(), by(), around_);
    hosts_.resize(on.rings().size());
    ssh_factory::begin(on);
  }
  detail::login_place login_to(const host& where) const override {
    if (connector_) {
      detail::login_place found = ssh_factory::login_to(where);
      if (found.user.empty()) found.user = connector_->user;
      if (found.port == 0) found.port = connector_->port;
      return found;
    }
    return login_by_config(where);
  }
  detail::command_place place() const noexcept override {
    bool is_exec = connector_ && connector_->program.how() == detail::command_template::form::exec;
    return is_exec ? detail::command_place::here_with_tokens : detail::command_place::elsewhere;
  }
  // Of a local child: its two outputs, its input and the child itself; of ssh its log, too. Of a
  // proxy command: the connection, its standard error and the child. Through a hop: a pair of
  // sockets.
  std::size_t descriptors() const noexcept override {
    if (connector_) return 4;
    if (options().via == ssh_client::openssh) return 6;
    if (!options().jump.empty()) return 2;
    bool may_use_programs =
        !options().proxy_command.empty() ||
        (config().lines && config().lines->has(detail::config_place("proxycommand")));
    return may_use_programs ? 3 : 1;
  }
  std::size_t spare_descriptors(detail::loop& on) const noexcept override {
    return detail::kept_sessions(on);
  }
  void end(std::size_t ring) noexcept override {
    if (ring < hosts_.size()) hosts_[ring].reset();
  }

 private:
  std::unique_ptr<detail::transport> transport_to(detail::loop& on, std::size_t ring,
                                                  detail::attempt& what) override {
    if (connector_) return by_connector(on, what);
    if (options().via == ssh_client::openssh) return by_openssh(on, what.where);
    check_files();
    return make_in_time(on, what, [this, &on, ring, &where = what.where](deadlines* limits) {
      return transport_by_config(on, ring, where, limits);
    });
  }

  detail::login_place login_by_config(const host& where) const {
    check_files();
    if (!logins_) logins_ = std::make_unique<const detail::login_lookup>(options(), by(), config());
    detail::login_place found;
    try {
      detail::ssh_target to = logins_->find(where);
      found.user = std::move(to.user);
      found.port = to.port;
    } catch (const ssh_config_error& error) {
      throw std::invalid_argument(where.name() + ": " + error.what());
    } catch (const detail::command_wanted&) {
      throw std::invalid_argument(
          where.name() +
          ": its user and port are for a command of Match in ssh_config to decide, "
          "which runs when the host begins: they are not known in its command");
    }
    return found;
  }

  std::unique_ptr<detail::transport> by_connector(detail::loop& on, const detail::attempt& what) {
    detail::become_place there(what.where, options().user.empty() ? by().user() : options().user);
    return as_other(on, detail::make_connector_transport(on, connector_, what.where, what.index),
                    std::move(there));
  }

  std::unique_ptr<detail::transport> by_openssh(detail::loop& on, const host& where) {
    detail::become_place there(where, openssh_->user_of(where));
    there.is_checked = options().host_key_policy != host_keys::ignore;
    return as_other(on, detail::make_openssh_transport(on, openssh_, where), std::move(there));
  }

  // The command becomes that of another user there, if it is to.
  std::unique_ptr<detail::transport> as_other(detail::loop& on,
                                              std::unique_ptr<detail::transport> way,
                                              detail::become_place there) const {
    if (!become_) return way;
    return detail::make_become_transport(on, become_, std::move(way), std::move(there));
  }

  std::unique_ptr<detail::transport> transport_by_config(detail::loop& on, std::size_t ring,
                                                         const host& where, deadlines* limits) {
    std::unique_ptr<detail::host_directory>& hosts = hosts_[ring];
    if (!hosts) hosts = std::make_unique<detail::host_directory>(on, options(), by(), config());
    detail::ssh_target to;
    try {
      to = hosts->find_ready(where);
    } catch (const ssh_config_error& error) {
      return std::make_unique<detail::failing_transport>(on, end_reason::connect_failed,
                                                         error.what());
    }
    if (limits != nullptr) limits->establish = to.establish;
    detail::become_place there(where, to.user);
    there.is_checked = to.shared->host_keys.checks();
    return as_other(on, transport_to(on, std::move(to), where), std::move(there));
  }

  // By libssh where it can, by the ssh program where that must.
  std::unique_ptr<detail::transport> transport_to(detail::loop& on, detail::ssh_target to,
                                                  const host& where) {
    const std::string& keyword = to.shared->settings.needs_ssh;
    if (keyword.empty()) {
      if (openssh_) return detail::make_automatic_transport(on, std::move(to), openssh_, where);
      return detail::make_ssh_transport(std::move(to));
    }
    std::string why = where.name() + ": " + keyword + " of ssh_config needs the ssh program";
    if (openssh_) return detail::make_openssh_transport(on, openssh_, where, std::move(why));
    return std::make_unique<detail::failing_transport>(on, end_reason::unsupported, std::move(why));
  }

  std::shared_ptr<const detail::become_setup> become_;          // null: the command stays as it is
  std::shared_ptr<const detail::connector_setup> connector_;    // null: ssh
  std::shared_ptr<const detail::surroundings> around_;          // of the ssh program; null: none
  std::shared_ptr<const detail::openssh_setup> openssh_;        // from the start on
  std::vector<std::unique_ptr<detail::host_directory>> hosts_;  // by ring
  mutable std::unique_ptr<const detail::login_lookup> logins_;  // on the action's loop
};

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
  made.factory = std::make_shared<remote_factory>(ssh_options());
  made.limits = ssh_options().limits;
}

remote::remote(by_function, detail::command_maker make, detail::host_arguments hosts)
    : remote(command(""), std::move(hosts)) {
  detail::configurable(state()).commands.make = std::move(make);
}

command& remote::mutable_command() { return detail::configurable(state()).commands.what; }

remote& remote::ssh(ssh_options options) & {
  detail::fanout_action& mine = detail::configurable(state());
  mine.limits = options.limits;
  mine.factory = std::make_shared<remote_factory>(std::move(options));
  return *this;
}

remote& remote::on_line(std::function<void(const output_line&)> handler) & {
  detail::configurable(state()).on_line = std::move(handler);
  return *this;
}

}  // namespace execo
