#include "ssh/ssh_transport.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "ssh/environment.hpp"
#include "ssh/remote_channel.hpp"
#include "ssh/remote_session.hpp"
#include "ssh/remote_text.hpp"
#include "ssh/rest_question.hpp"
#include "ssh/sibling_signal.hpp"

namespace execo::detail {
namespace {

// Long enough for a command that a signal request has reached to end and say so.
constexpr auto signal_delay = std::chrono::milliseconds(200);

// Servers answer the request to run a command when they have forked; what has not come after this
// time is not waited for by who gives up.
constexpr auto answer_time = std::chrono::seconds(1);

// RFC 4254, 6.10. What is not in it has no name that an ssh server would understand.
const char* rfc_name(int number) {
  switch (number) {
    case SIGABRT:
      return "ABRT";
    case SIGALRM:
      return "ALRM";
    case SIGFPE:
      return "FPE";
    case SIGHUP:
      return "HUP";
    case SIGILL:
      return "ILL";
    case SIGINT:
      return "INT";
    case SIGKILL:
      return "KILL";
    case SIGPIPE:
      return "PIPE";
    case SIGQUIT:
      return "QUIT";
    case SIGSEGV:
      return "SEGV";
    case SIGTERM:
      return "TERM";
    case SIGUSR1:
      return "USR1";
    case SIGUSR2:
      return "USR2";
    default:
      return nullptr;
  }
}

// As ssh names it: that of our own terminal.
std::string terminal_name() {
  const char* name = std::getenv("TERM");
  return name != nullptr && *name != '\0' ? name : "xterm";
}

class ssh_transport final : public transport, session_owner, channel_owner {
 public:
  ssh_transport(std::shared_ptr<ssh_environment> shared, const host& where)
      : session_(shared, where.name(), where.port() == 0 ? shared->port : where.port(),
                 where.user().empty() ? shared->user : where.user(), *this),
        channel_(session_, *this),
        rest_(session_, callback<rest_question::answer>::to<&ssh_transport::rest_known>(this)),
        parting_(callback<>::to<&ssh_transport::leave>(this), "a command that may have begun") {}

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    command_ = &what;
    session_.start();
  }

  void write(std::span<const char> bytes) override {
    if (running_) channel_.write(bytes);
  }

  void close_input() override {
    if (running_) channel_.close_input();
  }

  void signal(int number) override {
    if (!running_ || exited_) return;
    const char* name = rfc_name(number);
    if (name != nullptr) channel_.send_signal(name);
    if (!sibling_signal::possible(session_)) return;
    if (!sibling_) sibling_.emplace(session_);
    bool ignored = name == nullptr || sibling_signal::needed(session_);
    sibling_->send(number, ignored ? delivery::none : delivery::possible,
                   ignored ? clock::duration(0) : signal_delay);
  }

  void pause(stream which, bool paused) override { channel_.pause(which, paused); }

  bool seek_rest() override {
    if (over_ || session_.closing()) return false;
    rest_.put();
    return true;
  }

  clock::duration slowest_rest() const noexcept override { return session_.shared().answer_limit; }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("session " + session_.name() + ":" + std::to_string(session_.port()) + " as " +
                    session_.user() + (session_.closing() ? ", closing" : ""));
  }

  // Between the request and its answer the command may run already, and libssh sends no signal
  // before the answer has come: leaving at once would leave it behind.
  void close() override {
    if (sibling_) sibling_->cancel();
    auto patient_until = channel_.requested_at() + answer_time;
    if (!channel_.requested() || running_ || over_ || home().now() >= patient_until) return leave();
    leaving_ = true;
    home().arm(parting_, patient_until);
  }

 private:
  loop& home() const noexcept { return session_.shared().home; }

  void leave() {
    home().disarm(parting_);
    if (sibling_) sibling_->cancel();
    rest_.withdraw();
    session_.close();
  }

  void session_entered(phase where) override { events_->on_phase(where); }

  void session_ready() override {
    std::string problem;
    std::optional<std::string> text = remote_text(*command_, problem);
    if (!text)
      return fail(failure(end_reason::unsupported,
                          std::make_error_code(std::errc::invalid_argument),
                          session_.name() + ": " + problem));
    const spawn_attributes& wanted = command_->attributes;
    if (wanted.pty) channel_.ask_for_terminal(terminal_name(), wanted.pty_columns, wanted.pty_rows);
    channel_.open(std::move(*text));
    // As from /dev/null.
    if (!command_->has_input && !wanted.pty) channel_.close_input();
  }

  void session_failed(failure why) override {
    channel_.give_out();
    rest_.withdraw();
    if (exited_) return eof_told_ ? void() : lose_rest(std::move(why));
    if (why.how == end_reason::connection_lost && !channel_.requested())
      why.context += "; the command was not started";
    fail(std::move(why));
  }

  void session_closed() override { events_->on_closed(); }

  void channel_started() override {
    running_ = true;
    if (!leaving_) return events_->on_phase(phase::run);
    signal(SIGKILL);
    home().arm_after(parting_, answer_time);
  }

  void channel_data(stream which, std::span<const char> bytes) override {
    rest_.withdraw();
    if (!over_) events_->on_output(which, bytes);
  }

  void channel_eof() override { tell_eof(); }

  void channel_exit(exit_status status) override {
    if (exited_ || over_) return;
    exited_ = true;
    if (leaving_) return leave();
    if (sibling_) sibling_->cancel();
    events_->on_exit(status);
  }

  void channel_closed() override {
    if (exited_) return;
    fail(failure(
        end_reason::status_lost, {},
        session_.name() + (running_ ? ": the server closed the channel without an exit status"
                                    : ": the server closed the channel instead of answering "
                                      "the request to run the command")));
  }

  void channel_refused(std::string why) override {
    fail(failure(end_reason::connect_failed, std::make_error_code(std::errc::not_supported),
                 session_.name() + ": " + why + "; the command was not started"));
  }

  void channel_written(std::size_t count) override { events_->on_written(count); }

  void tell_eof() {
    if (over_ || eof_told_) return;
    eof_told_ = true;
    rest_.withdraw();
    events_->on_eof(stream::out);
    events_->on_eof(stream::err);
  }

  void rest_known(rest_question::answer found) {
    if (found == rest_question::answer::none_left) return events_->on_output_held();
    fail(failure(end_reason::output_failed, std::make_error_code(std::errc::timed_out),
                 fmt::format("{}: the command ended, but the server has been silent for {} since: "
                             "the end of its output is missing",
                             session_.name(), format_duration(session_.shared().answer_limit))));
  }

  // The command's end is known.
  void lose_rest(failure why) {
    why.context += "; the command ended before, but the end of its output is missing";
    fail(std::move(why));
  }

  void fail(failure why) {
    if (over_) return;
    over_ = true;
    if (leaving_) return leave();
    events_->on_failed(why.how, why.why, std::move(why.context));
  }

  remote_session session_;
  remote_channel channel_;
  rest_question rest_;
  std::optional<sibling_signal> sibling_;
  timer parting_;
  transport_events* events_ = nullptr;
  const command* command_ = nullptr;
  bool running_ = false;
  bool exited_ = false;
  bool eof_told_ = false;
  bool over_ = false;
  bool leaving_ = false;
};

}  // namespace

std::shared_ptr<ssh_environment> make_ssh_environment(loop& on, const ssh_options& options) {
  return std::make_shared<ssh_environment>(on, options);
}

std::unique_ptr<transport> make_ssh_transport(std::shared_ptr<ssh_environment> shared,
                                              const host& where) {
  return std::make_unique<ssh_transport>(std::move(shared), where);
}

}  // namespace execo::detail
