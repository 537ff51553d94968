// The tries of the `ssh` program, each a process of its own.
#include <optional>
#include <utility>

#include "ssh/openssh_transport.hpp"
#include "ssh/replacing_transport.hpp"
#include "ssh/session_retries.hpp"

namespace execo::detail {
namespace {

class openssh_retries final : public replacing_transport {
 public:
  openssh_retries(loop& on, std::optional<unsigned> max_retries, openssh_try_maker make)
      : replacing_transport(on, make()), make_(std::move(make)), max_retries_(max_retries) {}

  void open(const command& what, transport_events& events) override {
    begun_ = home().now();
    replacing_transport::open(what, events);
  }

 private:
  bool is_followed(const failed_try& lost, const end_report& found) override {
    if (lost.where >= phase::auth || found.started != certainty::no) {
      // An end that the tries have no part in.
      retries_.reset();
      return false;
    }
    if (max_retries_ == 0U) return false;
    if (!retries_)
      retries_.emplace(home(), max_retries_, begun_,
                       delegate<>::to<&openssh_retries::begin_next>(this));
    return retries_->go_on_after(lost);
  }

  std::unique_ptr<transport> next() override {
    retries_->begin();
    return make_();
  }

  bool stop_waiting() override {
    cause_ = retries_->last();
    retries_.reset();
    return true;
  }

  failure why_it_ends(failed_try lost) override {
    return retries_ ? retries_->last().why : std::move(lost.why);
  }

  end_report complete(end_report found) override {
    bool is_trying = retries_ && is_given_up() && reached() < phase::auth;
    if (is_trying && retries_->explains_deadline()) cause_ = retries_->last();
    if (cause_) found.real_end = std::move(cause_);
    return found;
  }

  const openssh_try_maker make_;
  const std::optional<unsigned> max_retries_;
  clock::time_point begun_;
  std::optional<session_retries> retries_;
  std::optional<failed_try> cause_;  // for who has no time left
};

}  // namespace

std::unique_ptr<transport> make_openssh_retries(loop& on, std::optional<unsigned> max_retries,
                                                openssh_try_maker make) {
  return std::make_unique<openssh_retries>(on, max_retries, std::move(make));
}

std::unique_ptr<transport> make_openssh_transport(loop& on,
                                                  std::shared_ptr<const openssh_setup> shared,
                                                  const host& where, std::string subsystem) {
  auto make = [&on, shared, where, subsystem = std::move(subsystem)] {
    return make_openssh_try(on, shared, where, subsystem);
  };
  return make_openssh_retries(on, shared->max_retries, std::move(make));
}

}  // namespace execo::detail
