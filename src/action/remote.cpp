#include "execo/remote.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "action/fanout_action.hpp"
#include "ssh/automatic_transport.hpp"
#include "ssh/connector_transport.hpp"
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
      : options_(std::move(options)), by_(detail::ssh_caller::now()) {
    if (!options_.proxy_command.empty()) by_ = by_.ready_to_start();
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

  void begin(std::size_t rings) override {
    if (around_) openssh_ = std::make_shared<const detail::openssh_setup>(options_, by_, around_);
    shared_.resize(rings);
    auto parts = static_cast<unsigned>(rings);
    options_.handshakes = (options_.handshakes + parts - 1) / parts;
    options_.agent_requests = std::max(options_.agent_requests / parts, 1U);
  }
  // Of a local child: its two outputs, its input and the child itself; of ssh its log, too. Of a
  // proxy command: the connection, its standard error and the child.
  std::size_t descriptors() const noexcept override {
    if (connector_) return 4;
    if (options_.via == ssh_client::openssh) return 6;
    return options_.proxy_command.empty() ? 1 : 3;
  }
  std::size_t spare_descriptors(detail::loop& on) const noexcept override {
    return detail::kept_sessions(on);
  }
  void end(std::size_t ring) noexcept override {
    if (ring < shared_.size()) shared_[ring].reset();
  }

 private:
  std::unique_ptr<detail::transport> transport_to(detail::loop& on, std::size_t ring,
                                                  const detail::target& what) override {
    if (connector_) return detail::make_connector_transport(on, connector_, what.where, what.index);
    if (options_.via == ssh_client::openssh)
      return detail::make_openssh_transport(on, openssh_, what.where);
    std::shared_ptr<detail::ssh_environment>& shared = shared_[ring];
    if (!shared) shared = detail::make_ssh_environment(on, options_, by_);
    if (openssh_) return detail::make_automatic_transport(on, shared, openssh_, what.where);
    return detail::make_ssh_transport(shared, what.where);
  }

  ssh_options options_;
  detail::ssh_caller by_;
  std::shared_ptr<const detail::connector_setup> connector_;  // null: ssh
  std::shared_ptr<const detail::surroundings> around_;        // of the ssh program; null: none
  std::shared_ptr<const detail::openssh_setup> openssh_;      // from the start on
  std::vector<std::shared_ptr<detail::ssh_environment>> shared_;
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
