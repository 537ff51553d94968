#include "action/remote_factory.hpp"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "action/ssh_factory.hpp"
#include "execo/ssh_config.hpp"
#include "ssh/automatic_transport.hpp"
#include "ssh/become_transport.hpp"
#include "ssh/connector_transport.hpp"
#include "ssh/failing_transport.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/openssh_transport.hpp"
#include "ssh/ssh_transport.hpp"

namespace execo::detail {
namespace {

/// Keeps what the hosts of each ring share; the first host makes it there.
class remote_factory final : public ssh_factory {
 public:
  remote_factory(ssh_options chosen, std::shared_ptr<route_source> ways)
      : ssh_factory(std::move(chosen)), ways_(std::move(ways)) {
    if (!options().become.empty()) become_ = std::make_shared<const become_setup>(options());
    if (!options().connector.empty()) {
      if (options().lease.count() > 0)
        throw std::invalid_argument("a connector keeps no lease of commands: that is for ssh");
      connector_ = std::make_shared<const connector_setup>(options(), by());
      if (become_ && place() != command_place::elsewhere)
        throw std::invalid_argument("become: not with the connector exec:, which runs it here");
      return;
    }
    std::string_view refused = openssh_setup::why_not(options());
    if (options().via == ssh_client::openssh && !refused.empty())
      throw std::invalid_argument("via openssh: " + std::string(refused) + " is for libssh");
    if (options().via != ssh_client::built_in && refused.empty())
      around_ = options().proxy_command.empty()
                    ? surroundings::variables_now()
                    : surroundings::now(surroundings::caller::stands_still);
  }

  void begin(loop& on) override {
    if (around_) openssh_ = std::make_shared<const openssh_setup>(options(), by(), around_);
    hosts_.resize(on.rings().size());
    ssh_factory::begin(on);
  }
  login_place login_to(const host& named) const override {
    const host where = destination(named);
    if (connector_) {
      login_place found = ssh_factory::login_to(where);
      if (found.user.empty()) found.user = connector_->user;
      if (found.port == 0) found.port = connector_->port;
      return found;
    }
    return login_by_config(where);
  }
  command_place place() const noexcept override {
    bool is_exec = connector_ && connector_->program.how() == command_template::form::exec;
    return is_exec ? command_place::here_with_tokens : command_place::elsewhere;
  }
  // Of a local child: its two outputs, its input and the child itself; of ssh its log, too. Of a
  // proxy command: the connection, its standard error and the child. Through a hop: a pair of
  // sockets.
  std::size_t descriptors() const noexcept override {
    if (connector_) return 4;
    if (options().via == ssh_client::openssh) return 6;
    if (!options().jump.empty()) return 2;
    bool may_use_programs = !options().proxy_command.empty() ||
                            (config().lines && config().lines->has(config_place("proxycommand")));
    return may_use_programs ? 3 : 1;
  }
  std::size_t spare_descriptors(loop& on) const noexcept override { return kept_descriptors(on); }
  void end(std::size_t ring) noexcept override {
    if (ring < hosts_.size()) hosts_[ring].reset();
  }

  std::optional<ssh_target> target_of(loop& on, const host& named) {
    if (connector_ || become_ || options().via == ssh_client::openssh) return std::nullopt;
    try {
      check_files();
      return directory_of(on, 0).find_ready(destination(named));
    } catch (const ssh_config_error&) {
    } catch (const std::invalid_argument&) {
    } catch (const command_wanted&) {
    }
    return std::nullopt;
  }

 private:
  std::unique_ptr<transport> transport_to(loop& on, std::size_t ring, attempt& what) override {
    host where = destination(what.where);
    if (!what.subsystem.empty() && (connector_ || become_)) return no_subsystem(on, where, what);
    if (connector_) return by_connector(on, where, what.index);
    if (options().via == ssh_client::openssh) return by_openssh(on, where, what.subsystem);
    check_files();
    return make_in_time(
        on, what,
        [this, &on, ring, where = std::move(where), subsystem = what.subsystem](deadlines* limits) {
          return transport_by_config(on, ring, where, subsystem, limits);
        });
  }

  login_place login_by_config(const host& where) const {
    check_files();
    if (!logins_) logins_ = std::make_unique<const login_lookup>(options(), by(), config());
    login_place found;
    try {
      ssh_target to = logins_->find(where);
      found.user = std::move(to.user);
      found.port = to.port;
    } catch (const ssh_config_error& error) {
      throw std::invalid_argument(where.name() + ": " + error.what());
    } catch (const command_wanted&) {
      throw std::invalid_argument(
          where.name() +
          ": its user and port are for a command of Match in ssh_config to decide, "
          "which runs when the host begins: they are not known in its command");
    }
    return found;
  }

  std::unique_ptr<transport> by_connector(loop& on, const host& where, std::size_t index) {
    become_place there(where, options().user.empty() ? by().user() : options().user);
    return as_other(on, make_connector_transport(on, connector_, where, index), std::move(there));
  }

  std::unique_ptr<transport> no_subsystem(loop& on, const host& where, const attempt& what) const {
    std::string why = where.name() + ": the subsystem " + what.subsystem +
                      " is one of an ssh server, which a connector has not";
    if (become_)
      why = where.name() + ": the subsystem " + what.subsystem +
            " runs as who logs in; become has no way to make it another user's";
    return std::make_unique<failing_transport>(on, end_reason::unsupported, std::move(why));
  }

  std::unique_ptr<transport> by_openssh(loop& on, const host& where, const std::string& subsystem) {
    become_place there(where, openssh_->user_of(where));
    there.is_checked = options().host_key_policy != host_keys::ignore;
    return as_other(on, make_openssh_transport(on, openssh_, where, subsystem), std::move(there));
  }

  // The command becomes that of another user there, if it is to.
  std::unique_ptr<transport> as_other(loop& on, std::unique_ptr<transport> way,
                                      become_place there) const {
    if (!become_) return way;
    return make_become_transport(on, become_, std::move(way), std::move(there));
  }

  std::unique_ptr<transport> transport_by_config(loop& on, std::size_t ring, const host& where,
                                                 const std::string& subsystem, deadlines* limits) {
    ssh_target to;
    try {
      to = directory_of(on, ring).find_ready(where);
    } catch (const ssh_config_error& error) {
      return std::make_unique<failing_transport>(on, end_reason::connect_failed, error.what());
    }
    if (limits != nullptr) limits->establish = to.establish;
    to.subsystem = subsystem;
    become_place there(where, to.user);
    there.is_checked = to.shared->host_keys.checks();
    return as_other(on, transport_to(on, std::move(to), where), std::move(there));
  }

  host_directory& directory_of(loop& on, std::size_t ring) {
    std::unique_ptr<host_directory>& hosts = hosts_[ring];
    if (!hosts)
      hosts = std::make_unique<host_directory>(on, options(), by(), config(), std::string(), ways_);
    return *hosts;
  }

  // By libssh where it can, by the ssh program where that must.
  std::unique_ptr<transport> transport_to(loop& on, ssh_target to, const host& where) {
    const std::string& keyword = to.shared->settings.needs_ssh;
    if (keyword.empty()) {
      if (openssh_) return make_automatic_transport(on, to, openssh_, where);
      return make_ssh_transport(std::move(to));
    }
    std::string why = where.name() + ": " + keyword + " of ssh_config needs the ssh program";
    if (openssh_)
      return make_openssh_transport(on, openssh_, where, std::move(to.subsystem), std::move(why));
    return std::make_unique<failing_transport>(on, end_reason::unsupported, std::move(why));
  }

  const std::shared_ptr<route_source> ways_;            // null: those of the options
  std::shared_ptr<const become_setup> become_;          // null: the command stays as it is
  std::shared_ptr<const connector_setup> connector_;    // null: ssh
  std::shared_ptr<const surroundings> around_;          // of the ssh program; null: none
  std::shared_ptr<const openssh_setup> openssh_;        // from the start on
  std::vector<std::unique_ptr<host_directory>> hosts_;  // by ring
  mutable std::unique_ptr<const login_lookup> logins_;  // on the action's loop
};

}  // namespace

std::optional<ssh_target> built_in_target(command_factory& by, loop& on, const host& where) {
  auto* remote = dynamic_cast<remote_factory*>(&by);
  return remote == nullptr ? std::nullopt : remote->target_of(on, where);
}

ssh_options directly(ssh_options options) {
  options.via = ssh_client::direct;
  return options;
}

std::shared_ptr<command_factory> make_remote_factory(ssh_options options,
                                                     std::shared_ptr<route_source> ways) {
  return std::make_shared<remote_factory>(std::move(options), std::move(ways));
}

}  // namespace execo::detail
