#include "execo/ssh_process.hpp"

#include <stdexcept>
#include <utility>

#include "action/host_transport.hpp"
#include "action/remote_factory.hpp"
#include "process/process_state.hpp"

namespace execo::detail {
namespace {

class ssh_way final : public command_way {
 public:
  explicit ssh_way(host where) : where_(std::move(where)) { take(ssh_options()); }

  void take_own(ssh_options options) {
    take(std::move(options));
    takes_defaults_ = false;
  }

  void take(ssh_options options) {
    limits_ = options.limits;
    if (!limits_.establish) limits_.establish = deadlines::default_establish;
    factory_ = make_remote_factory(std::move(options));
  }

  void verify(const command& what) const override {
    if (what.shell_text().empty()) throw std::invalid_argument("the command is empty");
    factory_->prepare(what);
  }
  std::unique_ptr<transport> transport_on(loop& on, surroundings::caller) override {
    if (takes_defaults_)
      if (auto set = defaults_of(on)) take(*set);
    return make_host_transport(on, factory_, where_, limits_);
  }
  deadlines limits() const override { return limits_; }
  execo::host where() const override { return where_; }

 private:
  execo::host where_;
  deadlines limits_;
  std::shared_ptr<command_factory> factory_;
  bool takes_defaults_ = true;  // of its context
};

}  // namespace

process_ref make_ssh_process(command what, host where) {
  return process_ref(
      new process_state(std::move(what), std::make_unique<ssh_way>(std::move(where))));
}

void set_ssh(process_state& of, ssh_options options) {
  static_cast<ssh_way&>(*of.way).take_own(std::move(options));
}

}  // namespace execo::detail

namespace execo {

process make_process(command what) { return process(std::move(what)); }

process make_process(command what, const host& where, std::optional<ssh_options> how) {
  ssh_process made(std::move(what), where);
  if (how) made.ssh(std::move(*how));
  return process(std::move(made));
}

process make_process(command what, const std::optional<host>& where,
                     std::optional<ssh_options> how) {
  if (!where) return make_process(std::move(what));
  return make_process(std::move(what), *where, std::move(how));
}

}  // namespace execo
