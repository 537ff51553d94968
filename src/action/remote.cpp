#include "execo/remote.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "action/fanout_action.hpp"
#include "base/contain.hpp"
#include "execo/ssh_config.hpp"
#include "ssh/automatic_transport.hpp"
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

detail::fanout_action& of(detail::action_ref& state) {
  return static_cast<detail::fanout_action&>(*state.operator->());
}

/// Keeps what the hosts of each ring share; the first host makes it there.
class ssh_factory final : public detail::command_factory {
 public:
  explicit ssh_factory(ssh_options options)
      : options_(std::move(options)), by_(detail::ssh_caller::now().ready_to_start()) {
    if (!options_.connector.empty()) {
      connector_ = std::make_shared<const detail::connector_setup>(options_, by_);
      return;
    }
    std::string_view refused = detail::openssh_setup::why_not(options_);
    if (options_.via == ssh_client::openssh && !refused.empty())
      throw std::invalid_argument("via openssh: " + std::string(refused) + " is for libssh");
    if (options_.via != ssh_client::built_in && refused.empty())
      around_ = options_.proxy_command.empty()
                    ? detail::surroundings::variables_now()
                    : detail::surroundings::now(detail::surroundings::caller::stands_still);
  }

  void begin(detail::loop& on) override {
    if (around_) openssh_ = std::make_shared<const detail::openssh_setup>(options_, by_, around_);
    auto parts = static_cast<unsigned>(on.rings().size());
    hosts_.resize(parts);
    options_.handshakes = (options_.handshakes + parts - 1) / parts;
    options_.agent_requests = std::max(options_.agent_requests / parts, 1U);
    detail::contain([&] { lines_ = on.service<detail::config_files>().find(options_, by_); },
                    [this](std::exception_ptr error) { problem_ = std::move(error); });
  }
  // Of a local child: its two outputs, its input and the child itself; of ssh its log, too. Of a
  // proxy command: the connection, its standard error and the child. Through a hop: a pair of
  // sockets.
  std::size_t descriptors() const noexcept override {
    if (connector_) return 4;
    if (options_.via == ssh_client::openssh) return 6;
    if (!options_.jump.empty()) return 2;
    bool may_use_programs = !options_.proxy_command.empty() ||
                            (lines_ && lines_->has(detail::config_place("proxycommand")));
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
                                                  detail::target& what) override {
    if (connector_) return detail::make_connector_transport(on, connector_, what.where, what.index);
    if (options_.via == ssh_client::openssh)
      return detail::make_openssh_transport(on, openssh_, what.where);
    if (problem_) std::rethrow_exception(problem_);
    std::unique_ptr<detail::host_directory>& hosts = hosts_[ring];
    if (!hosts) hosts = std::make_unique<detail::host_directory>(on, options_, by_, lines_);
    detail::ssh_target to;
    try {
      to = hosts->find(what.where);
    } catch (const ssh_config_error& error) {
      return std::make_unique<detail::failing_transport>(on, end_reason::connect_failed,
                                                         error.what());
    }
    what.limits.establish = to.establish;
    return transport_to(on, std::move(to), what.where);
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

  ssh_options options_;
  detail::ssh_caller by_;
  std::shared_ptr<const detail::connector_setup> connector_;  // null: ssh
  std::shared_ptr<const detail::surroundings> around_;        // of the ssh program; null: none
  std::shared_ptr<const detail::openssh_setup> openssh_;      // from the start on
  std::shared_ptr<const detail::config_lines> lines_;
  std::exception_ptr problem_;                                  // of the files of ssh_config
  std::vector<std::unique_ptr<detail::host_directory>> hosts_;  // by ring
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
  of(state_).what.output_cap = output_cap_per_host;
  of(state_).factory = std::make_shared<ssh_factory>(ssh_options());
  of(state_).limits = ssh_options().limits;
}

command& remote::mutable_command() {
  if (state().bound()) throw std::logic_error("an action is configured before it is started");
  return of(state_).what;
}

remote& remote::on(executor where) & {
  (void)mutable_command();
  state_->chosen = &loop_of(where);
  return *this;
}

remote& remote::fanout(std::size_t hosts) & {
  (void)mutable_command();
  if (hosts == 0) throw std::invalid_argument("fanout: at least one host at a time");
  of(state_).fanout = hosts;
  return *this;
}

remote& remote::allow_empty() & {
  (void)mutable_command();
  state_->allow_empty();
  return *this;
}

remote& remote::ssh(ssh_options options) & {
  (void)mutable_command();
  of(state_).limits = options.limits;
  of(state_).factory = std::make_shared<ssh_factory>(std::move(options));
  return *this;
}

remote& remote::on_line(std::function<void(const output_line&)> handler) & {
  (void)mutable_command();
  of(state_).on_line = std::move(handler);
  return *this;
}

remote& remote::on_notice(std::function<void(std::string_view)> handler) & {
  (void)mutable_command();
  of(state_).on_notice = std::move(handler);
  return *this;
}

}  // namespace execo
