#include "execo/port_forward.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

#include "action/host_way.hpp"
#include "action/ssh_factory.hpp"
#include "execo/printable.hpp"
#include "execo/ssh_config.hpp"
#include "process/process_state.hpp"
#include "process/surroundings.hpp"
#include "ssh/automatic_transport.hpp"
#include "ssh/failing_transport.hpp"
#include "ssh/forward_state.hpp"
#include "ssh/forward_transport.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/listening_socket.hpp"
#include "ssh/openssh_forward.hpp"

namespace execo::detail {
namespace {

void check_forward_options(const ssh_options& options) {
  auto refuse_if = [](bool is_set, const char* what) {
    if (is_set) throw std::invalid_argument("port_forward: not with " + std::string(what));
  };
  refuse_if(!options.connector.empty(), "a connector: forwards go over ssh");
  refuse_if(!options.become.empty(), "become: it runs no command");
  refuse_if(options.lease.count() > 0, "a lease: it runs no command");
}

// libssh 0.10 asks a server for ports alone.
bool needs_openssh(const forward_plan& plan) {
  return plan.side == forward_side::far && plan.here.is_path();
}

/// Finds the way to a host as a command does.
class forward_factory final : public ssh_factory {
 public:
  forward_factory(ssh_options chosen, std::shared_ptr<forward_state> state)
      : ssh_factory(std::move(chosen)), state_(std::move(state)) {
    check_client();
    if (client() != ssh_client::built_in) around_ = environment_of_ssh();
  }

  void begin(loop& on) override {
    if (around_) openssh_ = std::make_shared<const openssh_setup>(options(), by(), around_);
    ssh_factory::begin(on);
  }
  void end(std::size_t) noexcept override { hosts_.reset(); }

 private:
  std::unique_ptr<transport> transport_to(loop& on, std::size_t, attempt& what) override {
    if (client() == ssh_client::openssh) return by_openssh(on, destination(what.where));
    check_files();
    auto make = [this, &on, where = destination(what.where)](deadlines* limits) {
      return transport_by_config(on, where, limits);
    };
    return make_in_time(on, what, std::move(make));
  }

  std::unique_ptr<transport> transport_by_config(loop& on, const host& where, deadlines* limits) {
    if (!hosts_) hosts_ = std::make_unique<host_directory>(on, options(), by(), config());
    ssh_target to;
    try {
      to = hosts_->find_ready(where);
    } catch (const ssh_config_error& error) {
      return std::make_unique<failing_transport>(on, end_reason::connect_failed, error.what());
    }
    if (limits != nullptr) limits->establish = to.establish;
    const std::string& keyword = to.shared->settings.needs_ssh;
    auto by_program = [this, &on, where] { return by_openssh(on, where); };
    if (keyword.empty()) {
      std::unique_ptr<transport> built_in = make_forward_transport(std::move(to), state_);
      if (!openssh_) return built_in;
      return make_automatic_transport(on, std::move(built_in), std::move(by_program));
    }
    std::string why = where.name() + ": " + keyword + " of ssh_config needs the ssh program";
    if (openssh_) return make_openssh_instead(on, std::move(by_program), std::move(why));
    return std::make_unique<failing_transport>(on, end_reason::unsupported, std::move(why));
  }

  // The ssh program alone, libssh alone, or the program where libssh cannot.
  ssh_client client() const noexcept {
    return needs_openssh(state_->plan) ? ssh_client::openssh : options().via;
  }
  void check_client() const {
    if (needs_openssh(state_->plan) && options().via == ssh_client::built_in)
      throw std::invalid_argument("port_forward: '" + printable(state_->plan.here.path()) +
                                  "' is a path, and libssh has hosts listen on ports alone");
    if (client() != ssh_client::openssh) return;
    std::string_view refused = openssh_setup::why_not(options());
    if (!refused.empty())
      throw std::invalid_argument("port_forward: " + std::string(refused) + " is for libssh");
    check_openssh_forward(state_->plan);
  }
  std::shared_ptr<const surroundings> environment_of_ssh() const {
    if (!openssh_setup::why_not(options()).empty()) return nullptr;
    return options().proxy_command.empty() ? surroundings::variables_now()
                                           : surroundings::now(surroundings::caller::stands_still);
  }
  std::unique_ptr<transport> by_openssh(loop& on, const host& where) const {
    return make_openssh_forward(on, openssh_, where, state_);
  }

  const std::shared_ptr<forward_state> state_;
  std::shared_ptr<const surroundings> around_;    // of the ssh program; null: none
  std::shared_ptr<const openssh_setup> openssh_;  // from the start on
  std::unique_ptr<host_directory> hosts_;
};

class forward_way final : public host_way {
 public:
  forward_way(forward_plan plan, host via)
      : host_way(std::move(via)), state_(std::make_shared<forward_state>(std::move(plan))) {
    take(ssh_options());
  }

  forward_state& state() const noexcept { return *state_; }
  void verify(const command&) const override {}

 private:
  std::shared_ptr<command_factory> make_factory(ssh_options options) const override {
    check_forward_options(options);
    return std::make_shared<forward_factory>(std::move(options), state_);
  }

  const std::shared_ptr<forward_state> state_;
};

forward_state& forward_of(const process_state& of) noexcept {
  return static_cast<forward_way&>(*of.way).state();
}

void check_target(const forward_endpoint& there) {
  if (!there.is_path() && (there.port() == 0 || there.host() == "*"))
    throw std::invalid_argument("port_forward: '" + printable(there.to_string()) +
                                "' is nowhere to connect to");
}

process_ref make_forward(forward_plan plan, host via) {
  command shown("forward");
  shown.given_name = "forward " + plan.text() +
                     (plan.side == forward_side::far ? " from " : " over ") + via.to_string();
  return process_ref(new process_state(
      std::move(shown), std::make_unique<forward_way>(std::move(plan), std::move(via))));
}

}  // namespace

process_ref make_port_forward(forward_endpoint here, host via,
                              std::optional<forward_endpoint> there) {
  check_listening(here);
  if (there) check_target(*there);
  return make_forward(forward_plan(forward_side::near, std::move(here), std::move(there)),
                      std::move(via));
}

process_ref make_remote_forward(forward_endpoint on_host, host via, forward_endpoint there) {
  check_target(there);
  return make_forward(forward_plan(forward_side::far, std::move(on_host), std::move(there)),
                      std::move(via));
}

void set_forward_ssh(process_state& of, ssh_options options) {
  static_cast<forward_way&>(*of.way).take_own(std::move(options));
}

forward_counts counts_of(const process_state& of) { return forward_of(of).counts(); }

forward_ready_op::forward_ready_op(process_ref state) noexcept
    : state_(std::move(state)), waiter_(delegate<>::to<&forward_ready_op::on_listening>(this)) {}

forward_ready_op::forward_ready_op(forward_ready_op&& other) noexcept
    : operation(std::move(other)),
      state_(std::move(other.state_)),
      waiter_(delegate<>::to<&forward_ready_op::on_listening>(this)) {}

loop& forward_ready_op::bind(loop* affinity) {
  loop& on = state_->where(affinity);
  state_->make_run(on, surroundings::caller::stands_still);
  return on;
}

void forward_ready_op::on_start(bool stopped) noexcept {
  lifecycle& run = *state_->run;
  forward_state& forward = forward_of(*state_);
  if (run.ended() || forward.listening()) return complete();
  run.attach(*this);
  forward.add_waiter(waiter_);
  if (stopped) return on_stop();
  run.start();
}

void forward_ready_op::on_stop() noexcept {
  if (!waiter_.linked()) return;
  abandoned_ = true;
  on_listening();
}

void forward_ready_op::on_listening() noexcept {
  waiter_.unlink();
  end_observer::unlink();
  complete();
}

void forward_ready_op::on_end(execution&) noexcept { on_listening(); }

forward_start forward_ready_op::await_resume() const {
  if (abandoned_) throw operation_cancelled();
  std::optional<forward_endpoint> at = forward_of(*state_).listening();
  bool has_ended = state_->run->ended();
  if (at && !has_ended) return forward_start(std::move(*at));
  return forward_start(state_->run->final_result());
}

}  // namespace execo::detail
