#include "ssh/key_scan_transport.hpp"

#include <cassert>
#include <optional>
#include <string>
#include <utility>

#include "base/contain.hpp"
#include "process/streamless_transport.hpp"
#include "ssh/handshake.hpp"
#include "ssh/known_hosts.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {
namespace {

class key_scan_transport final : public streamless_transport, session_owner {
 public:
  explicit key_scan_transport(std::vector<ssh_target> ways)
      : ways_(std::move(ways)), step_(delegate<>::to<&key_scan_transport::go_on>(this)) {
    assert(!ways_.empty());
  }

  void open(const command&, transport_events& events) override {
    events_ = &events;
    queue_step();
  }
  void signal(int) override {}
  void describe(std::vector<std::string>& lines) const override {
    if (session_) lines.push_back("key exchange with " + session_->name());
  }

  void close() override {
    if (std::exchange(closing_, true)) return;
    if (session_) return session_->close();
    queue_step();
  }

 private:
  loop& home() const noexcept { return ways_.front().shared->home; }

  void queue_step() {
    if (!std::exchange(queued_, true)) home().defer(step_);
  }

  void go_on() {
    queued_ = false;
    if (closing_) return end();
    if (ended_) return;
    if (next_ == ways_.size() || gives_up_) return report();
    contain([this] { begin_next(); },
            [this](const std::exception_ptr& error) {
              first_problem_ = failure(end_reason::connect_failed, error_of(error), {});
              gives_up_ = true;
              queue_step();
            });
  }

  void begin_next() {
    const ssh_target& to = ways_[next_++];
    session_owner& owner = *this;
    session_ = std::make_unique<remote_session>(to.shared, to.name, to.port, to.user, owner);
    session_->start();
  }

  // The phases of the first key exchange stand for all of them.
  void session_entered(phase where) override {
    if (where < phase::auth) {
      if (next_ == 1) events_->on_phase(where);
      return;
    }
    shown_key key;
    if (read_shown_key(session_->handle(), key)) {
      add(key);
    } else {
      first_problem_ = unreadable_key(*session_);
      gives_up_ = true;
    }
    session_->close();
  }

  void session_waits() override {
    if (next_ == 1) events_->on_waiting();
  }

  void add(const shown_key& key) {
    found_ += known_hosts::entry_name(session_->key_name(), session_->key_port()) + " " + key.type +
              " " + key.base64 + "\n";
  }

  // It is closed before it would log in.
  void session_ready() override { session_->close(); }

  // A server that has no such key says so, or closes the connection: whether that is why is known
  // when it has shown another one.
  void session_failed(failure why) override {
    bool has_none = why.reason == failure_reason::no_common_algorithm;
    bool may_have_none = has_none || why.reason == failure_reason::closed;
    if (may_have_none && !has_none)
      unsure_ += ways_[next_ - 1].shared->settings.host_key_algorithms + "\n";
    if (!may_have_none || !first_problem_) first_problem_ = std::move(why);
    gives_up_ = !may_have_none;
    session_->close();
  }

  void session_closed() override {
    session_.reset();
    queue_step();
  }

  void report() {
    ended_ = true;
    if (gives_up_ || found_.empty()) return events_->on_failed(std::move(first_problem_).value());
    events_->on_phase(phase::run);
    if (!closing_) events_->on_output(stream::out, found_);
    if (!closing_ && !unsure_.empty()) events_->on_output(stream::err, unsure_);
    for (stream which : {stream::out, stream::err})
      if (!closing_) events_->on_eof(which);
    if (!closing_) events_->on_exit(exit_status::of_code(0));
  }

  void end() {
    end_report found;
    found.transport = transport_kind::ssh;
    found.connection = next_ > 0 ? connection_use::made : connection_use::none;
    events_->on_closed(std::move(found));
  }

  const std::vector<ssh_target> ways_;
  queue_node step_;
  transport_events* events_ = nullptr;
  std::unique_ptr<remote_session> session_;  // of ways_[next_ - 1]
  std::size_t next_ = 0;
  std::string found_;
  std::string unsure_;                    // the algorithms of types that the server may have
  std::optional<failure> first_problem_;  // the last one if that gives up
  bool gives_up_ = false;
  bool queued_ = false;
  bool closing_ = false;
  bool ended_ = false;  // the events but the last one were sent
};

}  // namespace

std::unique_ptr<transport> make_key_scan_transport(std::vector<ssh_target> ways) {
  return std::make_unique<key_scan_transport>(std::move(ways));
}

}  // namespace execo::detail
