#include "ssh/automatic_transport.hpp"

#include <utility>

#include "ssh/openssh_transport.hpp"
#include "ssh/replacing_transport.hpp"

namespace execo::detail {
namespace {

class automatic_transport final : public replacing_transport {
 public:
  automatic_transport(loop& on, const ssh_target& to, std::shared_ptr<const openssh_setup> program,
                      const host& where)
      : replacing_transport(on, make_ssh_transport(to)),
        program_(std::move(program)),
        where_(where),
        subsystem_(to.subsystem),
        step_(delegate<>::to<&automatic_transport::begin_openssh>(this)) {}
  // libssh is not even tried.
  automatic_transport(loop& on, std::shared_ptr<const openssh_setup> program, const host& where,
                      std::string subsystem, std::string why)
      : replacing_transport(on, make_openssh_transport(on, program, where, subsystem)),
        program_(std::move(program)),
        where_(where),
        subsystem_(std::move(subsystem)),
        step_(delegate<>::to<&automatic_transport::begin_openssh>(this)),
        why_openssh_(std::move(why)),
        is_openssh_(true) {}

 private:
  bool is_followed(const failed_try& lost, const end_report& found) override {
    if (is_openssh_ || !found.may_fit_openssh) return false;
    why_openssh_ = lost.why.context;
    home().defer(step_);
    return true;
  }

  std::unique_ptr<transport> next() override {
    std::unique_ptr<transport> second =
        make_openssh_transport(home(), program_, where_, subsystem_);
    is_openssh_ = true;
    return second;
  }

  void begin_openssh() { begin_next(); }

  end_report complete(end_report found) override {
    if (is_openssh_) found.transport_why = why_openssh_;
    return found;
  }

  const std::shared_ptr<const openssh_setup> program_;
  const host where_;
  const std::string subsystem_;
  queue_node step_;
  std::string why_openssh_;
  bool is_openssh_ = false;
};

}  // namespace

std::unique_ptr<transport> make_automatic_transport(loop& on, const ssh_target& to,
                                                    std::shared_ptr<const openssh_setup> program,
                                                    const host& where) {
  return std::make_unique<automatic_transport>(on, to, std::move(program), where);
}

std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> program,
                                                  const host& where, std::string subsystem,
                                                  std::string why) {
  return std::make_unique<automatic_transport>(on, std::move(program), where, std::move(subsystem),
                                               std::move(why));
}

}  // namespace execo::detail
