#include "ssh/automatic_transport.hpp"

#include <array>
#include <optional>
#include <utility>

#include "base/contain.hpp"
#include "ssh/forwarding_transport.hpp"

namespace execo::detail {
namespace {

class automatic_transport final : public forwarding_transport {
 public:
  automatic_transport(loop& on, ssh_target to, std::shared_ptr<const openssh_setup> program,
                      const host& where)
      : forwarding_transport(on, make_ssh_transport(std::move(to))),
        program_(std::move(program)),
        where_(where),
        step_(delegate<>::to<&automatic_transport::begin_again>(this)) {}
  // libssh is not even tried.
  automatic_transport(loop& on, std::shared_ptr<const openssh_setup> program, const host& where,
                      std::string why)
      : forwarding_transport(on, make_openssh_transport(on, program, where)),
        program_(std::move(program)),
        where_(where),
        step_(delegate<>::to<&automatic_transport::begin_again>(this)),
        stage_(stage::second) {
    why_.context = std::move(why);
  }

  // Neither of the two can.
  bool redirect(int, const child_stream&) override { return false; }

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    what_ = &what;
    open_inner(what);
  }

  void pause(stream which, bool paused) override {
    paused_[static_cast<std::size_t>(which)] = paused;
    forwarding_transport::pause(which, paused);
  }

  void close() override {
    bool waits = stage_ == stage::closing || stage_ == stage::between;
    if (stage_ == stage::failed) return owner().on_closed(std::move(found_));
    is_given_up_ = true;
    if (!waits) forwarding_transport::close();
  }

 private:
  // first -> second: libssh, until it has failed before the command was begun. closing: it is given
  // up, and then shows whether ssh may do better. between: ssh is to be started in this turn of the
  // loop. failed: it may not, and the owner knows.
  enum class stage : std::uint8_t { first, closing, between, failed, second };

  void on_phase(phase entered) override {
    is_running_ = entered == phase::run;
    forwarding_transport::on_phase(entered);
  }

  void on_failed(end_reason how, std::error_code why, std::string context) override {
    if (stage_ == stage::second || is_running_)
      return forwarding_transport::on_failed(how, why, std::move(context));
    stage_ = stage::closing;
    why_ = failure(how, why, std::move(context));
    inner().close();
  }

  void on_closed(end_report found) override {
    if (stage_ != stage::closing) return forwarding_transport::on_closed(std::move(found));
    found_ = std::move(found);
    if (is_given_up_) return owner().on_closed(std::move(found_));
    if (found_.may_fit_openssh) {
      stage_ = stage::between;
      return home().defer(step_);
    }
    stage_ = stage::failed;
    owner().on_failed(why_.how, why_.why, why_.context);
  }

  void begin_again() {
    if (is_given_up_) return owner().on_closed(std::move(found_));
    contain([this] { begin_second(); },
            [this](const std::exception_ptr&) {
              stage_ = stage::failed;
              owner().on_failed(why_.how, why_.why, why_.context);
            });
  }

  void begin_second() {
    std::unique_ptr<transport> second = make_openssh_transport(home(), program_, where_);
    for (stream which : {stream::out, stream::err})
      second->pause(which, paused_[static_cast<std::size_t>(which)]);
    stage_ = stage::second;
    replace_inner(std::move(second));
    open_inner(*what_);
  }

  end_report complete(end_report found) override {
    if (stage_ == stage::second) found.transport_why = why_.context;
    return found;
  }

  const std::shared_ptr<const openssh_setup> program_;
  const host where_;
  const command* what_ = nullptr;
  queue_node step_;
  std::array<bool, 2> paused_{};
  failure why_;       // of libssh
  end_report found_;  // by libssh, once it is given up
  stage stage_ = stage::first;
  bool is_running_ = false;
  bool is_given_up_ = false;
};

}  // namespace

std::unique_ptr<transport> make_automatic_transport(loop& on, ssh_target to,
                                                    std::shared_ptr<const openssh_setup> program,
                                                    const host& where) {
  return std::make_unique<automatic_transport>(on, std::move(to), std::move(program), where);
}

std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> program,
                                                  const host& where, std::string why) {
  return std::make_unique<automatic_transport>(on, std::move(program), where, std::move(why));
}

}  // namespace execo::detail
