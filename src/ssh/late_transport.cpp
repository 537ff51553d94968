#include "ssh/late_transport.hpp"

#include <array>
#include <exception>
#include <string>
#include <utility>

#include "base/contain.hpp"
#include "ssh/forwarding_transport.hpp"

namespace execo::detail {
namespace {

class late_transport final : public forwarding_transport {
 public:
  late_transport(loop& on, std::shared_ptr<match_commands> commands, command_wanted first,
                 transport_maker make)
      : forwarding_transport(on, nullptr),
        commands_(std::move(commands)),
        text_(std::move(first.text)),
        make_(std::move(make)) {}

  bool redirect(int, const child_stream&) override { return false; }
  void allow_bulk(stream) override {}
  void open(const command& what, transport_events& events) override {
    set_owner(events);
    what_ = &what;
    stage_ = stage::waiting;
    ask();
  }

  void write(std::span<const char> bytes) override {
    if (has_way()) forwarding_transport::write(bytes);
  }
  void cancel_write() override {
    if (has_way()) forwarding_transport::cancel_write();
  }
  void close_input() override {
    if (has_way()) forwarding_transport::close_input();
  }
  void signal(int number) override {
    if (has_way()) forwarding_transport::signal(number);
  }
  void end_scope(duration until_kill) override {
    if (has_way()) forwarding_transport::end_scope(until_kill);
  }
  void pause(stream which, bool paused) override {
    if (has_way()) return forwarding_transport::pause(which, paused);
    paused_[static_cast<std::size_t>(which)] = paused;
  }
  bool query_pending_output() override {
    return has_way() && forwarding_transport::query_pending_output();
  }
  clock::duration max_output_delay() const noexcept override {
    return has_way() ? forwarding_transport::max_output_delay() : clock::duration(0);
  }
  // Which one it becomes is not known when it is opened.
  bool tells_before_start() const noexcept override { return false; }
  bool knows_host() const noexcept override {
    return has_way() && forwarding_transport::knows_host();
  }
  clock::duration unread_time() const noexcept override {
    return has_way() ? forwarding_transport::unread_time() : clock::duration(0);
  }
  void describe(std::vector<std::string>& lines) const override {
    if (has_way()) return forwarding_transport::describe(lines);
    lines.push_back("waits for `" + text_ + "` of ssh_config");
  }

  void close() override {
    switch (stage_) {
      case stage::waiting:
        stage_ = stage::withdrawn;
        return commands_->withdraw(ticket_);
      case stage::failed:
        stage_ = stage::closed;
        return owner().on_closed({});
      case stage::open:
        return forwarding_transport::close();
      default:
        return;
    }
  }

 private:
  // idle -> waiting -> open or failed: for commands, one after another; the transport is there; it
  // cannot be made. withdrawn: given up while it waited. closed: the last event was sent.
  enum class stage : std::uint8_t { idle, waiting, open, failed, withdrawn, closed };
  bool has_way() const noexcept { return stage_ == stage::open; }

  void ask() {
    ticket_ = std::make_shared<match_ticket>(home(), text_,
                                             delegate<>::to<&late_transport::answered>(this));
    commands_->ask(ticket_);
  }

  void answered() {
    if (stage_ == stage::withdrawn) {
      stage_ = stage::closed;
      return owner().on_closed({});
    }
    contain([this] { go_on(); }, [this](const std::exception_ptr& error) { fail(error); });
  }

  void go_on() {
    std::unique_ptr<transport> made;
    try {
      made = make_();
    } catch (command_wanted& next) {
      text_ = std::move(next.text);
      return ask();
    }
    for (stream which : {stream::out, stream::err})
      if (paused_[static_cast<std::size_t>(which)]) made->pause(which, true);
    replace_inner(std::move(made));
    stage_ = stage::open;
    open_inner(*what_);
  }

  void fail(const std::exception_ptr& error) {
    stage_ = stage::failed;
    owner().on_failed(failure(end_reason::connect_failed,
                              std::make_error_code(std::errc::invalid_argument), words_of(error)));
  }

  const std::shared_ptr<match_commands> commands_;
  std::string text_;
  const transport_maker make_;
  std::shared_ptr<match_ticket> ticket_;
  const command* what_ = nullptr;
  std::array<bool, 2> paused_{};
  stage stage_ = stage::idle;
};

}  // namespace

std::unique_ptr<transport> make_late_transport(loop& on, std::shared_ptr<match_commands> commands,
                                               command_wanted first, transport_maker make) {
  return std::make_unique<late_transport>(on, std::move(commands), std::move(first),
                                          std::move(make));
}

}  // namespace execo::detail
