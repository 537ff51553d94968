#include "ssh/automatic_transport.hpp"

#include <utility>

#include "ssh/openssh_transport.hpp"
#include "ssh/replacing_transport.hpp"

namespace execo::detail {
namespace {

class automatic_transport final : public replacing_transport {
 public:
  automatic_transport(loop& on, std::unique_ptr<transport> built_in, openssh_try_maker make_openssh)
      : replacing_transport(on, std::move(built_in)),
        make_openssh_(std::move(make_openssh)),
        step_(delegate<>::to<&automatic_transport::begin_openssh>(this)) {}
  // libssh is not even tried.
  automatic_transport(loop& on, openssh_try_maker make_openssh, std::string why)
      : replacing_transport(on, make_openssh()),
        make_openssh_(std::move(make_openssh)),
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
    std::unique_ptr<transport> second = make_openssh_();
    is_openssh_ = true;
    return second;
  }

  void begin_openssh() { begin_next(); }

  end_report complete(end_report found) override {
    if (is_openssh_) found.transport_why = why_openssh_;
    return found;
  }

  const openssh_try_maker make_openssh_;
  queue_node step_;
  std::string why_openssh_;
  bool is_openssh_ = false;
};

}  // namespace

std::unique_ptr<transport> make_automatic_transport(loop& on, std::unique_ptr<transport> built_in,
                                                    openssh_try_maker make_openssh) {
  return std::make_unique<automatic_transport>(on, std::move(built_in), std::move(make_openssh));
}

std::unique_ptr<transport> make_openssh_instead(loop& on, openssh_try_maker make_openssh,
                                                std::string why) {
  return std::make_unique<automatic_transport>(on, std::move(make_openssh), std::move(why));
}

std::unique_ptr<transport> make_automatic_transport(loop& on, ssh_target to,
                                                    std::shared_ptr<const openssh_setup> program,
                                                    const host& where) {
  std::string subsystem = to.subsystem;
  return make_automatic_transport(on, make_ssh_transport(std::move(to)),
                                  [&on, program, where, subsystem = std::move(subsystem)] {
                                    return make_openssh_transport(on, program, where, subsystem);
                                  });
}

std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> program,
                                                  const host& where, std::string subsystem,
                                                  std::string why) {
  auto make = [&on, program, where, subsystem = std::move(subsystem)] {
    return make_openssh_transport(on, program, where, subsystem);
  };
  return make_openssh_instead(on, std::move(make), std::move(why));
}

}  // namespace execo::detail
