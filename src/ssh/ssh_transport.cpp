#include "ssh/ssh_transport.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

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
  constexpr std::array known{SIGABRT, SIGALRM, SIGFPE,  SIGHUP,  SIGILL,  SIGINT, SIGKILL,
                             SIGPIPE, SIGQUIT, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2};
  return std::ranges::find(known, number) != known.end() ? ::sigabbrev_np(number) : nullptr;
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
    auto until_kill = std::exchange(until_kill_, std::nullopt);
    if (!running_ || exited_) return;
    if (!sibling_ && sibling_signal::possible(session_))
      sibling_.emplace(session_, callback<>::to<&ssh_transport::on_script>(this));
    if (number == SIGKILL) until_kill = duration(0);
    if (until_kill) return end(number, *until_kill);
    const char* name = rfc_name(number);
    if (name != nullptr) channel_.send_signal(name);
    if (!sibling_) return;
    bool ignored = name == nullptr || sibling_signal::needed(session_);
    sibling_->send(number, ignored ? delivery::none : delivery::possible,
                   ignored ? clock::duration(0) : signal_delay);
  }

  void end_scope(duration until_kill) override { until_kill_ = until_kill; }

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
  // What is left of a command that is being ended is known when the script says so.
  void close() override {
    if (sibling_) sibling_->cancel();
    auto leave_at = running_ ? give_up_at_ : channel_.requested_at() + answer_time;
    if (!awaits_end() || home().now() >= leave_at) return leave();
    leaving_ = true;
    rest_.withdraw();
    // The script's word may stand behind output that nobody takes.
    channel_.pause(stream::out, false);
    channel_.pause(stream::err, false);
    home().arm(parting_, leave_at);
  }

 private:
  loop& home() const noexcept { return session_.shared().home; }

  // Ends the command by a script, since only that can go on when the command's shell has ended: it
  // has to find them before the shell gets the signal. The request is for where there is none.
  void end(int number, duration until_kill) {
    ending_ = number;
    give_up_at_ = later(later(home().now(), until_kill), after_kill);
    if (!sibling_) return ask_server();
    // A script that has not looked yet is waited for: the command's shell must not go before.
    bool looked = sibling_->has_looked();
    bool one_more = sibling_->end(number, until_kill);
    if (looked && (!one_more || number == SIGKILL)) ask_server();
  }

  void ask_server() {
    if (const char* name = rfc_name(ending_)) channel_.send_signal(name);
  }

  void on_script() {
    script_state now = sibling_->state();
    bool of_no_use = now == script_state::refused || now == script_state::something_else ||
                     now == script_state::found_nothing;
    if (of_no_use && !exited_) ask_server();
    if (leaving_ && !awaits_end()) leave();
  }

  bool awaits_script() const noexcept {
    return sibling_ && ending_ != 0 && sibling_->state() <= script_state::at_work;
  }

  // A command that may have begun and was not answered for, one that is sent KILL for that, and a
  // script that is not done.
  bool awaits_end() const noexcept {
    if (over_ || !channel_.requested()) return false;
    return !running_ || (leaving_ && !exited_) || awaits_script();
  }

  leftover_cause what_is_left() const noexcept {
    if (lost_) return exited_ ? leftover_cause::none : leftover_cause::connection_lost;
    if (channel_.requested() && !running_ && !over_) return leftover_cause::no_answer;
    if (ending_ == 0) return leftover_cause::none;
    // Who holds its output may be what outlived the shell.
    bool all_ended = exited_ && eof_delivered_;
    if (!sibling_) return all_ended ? leftover_cause::none : leftover_cause::no_signals;
    script_state now = sibling_->state();
    if (now == script_state::gone) return leftover_cause::none;
    if (now == script_state::not_permitted) return leftover_cause::not_permitted;
    if (now == script_state::held) return leftover_cause::held;
    // A forced command was begun once more.
    if (now == script_state::accepted) return leftover_cause::forced_command;
    if (now <= script_state::at_work || now == script_state::broken)
      return leftover_cause::no_answer;
    if (all_ended) return leftover_cause::none;
    if (now == script_state::refused) return leftover_cause::no_second_channel;
    return now == script_state::something_else ? leftover_cause::forced_command
                                               : leftover_cause::no_answer;
  }

  void leave() {
    home().disarm(parting_);
    if (sibling_) sibling_->cancel();
    rest_.withdraw();
    report_.leftover = what_is_left();
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
    if (wanted.pty)
      channel_.ask_for_terminal(session_.shared().terminal, wanted.pty_columns, wanted.pty_rows);
    channel_.open(std::move(*text));
    // As from /dev/null.
    if (!command_->has_input && !wanted.pty) channel_.close_input();
  }

  void session_failed(failure why) override {
    lost_ = channel_.requested() && !over_;
    channel_.give_out();
    rest_.withdraw();
    if (leaving_) return leave();
    if (exited_) return eof_delivered_ ? void() : lose_rest(std::move(why));
    if (why.how == end_reason::connection_lost && !channel_.requested())
      why.context += "; the command was not started";
    fail(std::move(why));
  }

  void session_closed() override { events_->on_closed(std::move(report_)); }

  void channel_started() override {
    running_ = true;
    if (!leaving_) return events_->on_phase(phase::run);
    signal(SIGKILL);
    home().arm(parting_, give_up_at_);
  }

  void channel_data(stream which, std::span<const char> bytes) override {
    rest_.withdraw();
    if (!over_ && !leaving_) events_->on_output(which, bytes);
  }

  void channel_eof() override { notify_eof(); }

  void channel_exit(exit_status status) override {
    if (exited_ || over_) return;
    exited_ = true;
    if (leaving_) return awaits_end() ? void() : leave();
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

  void channel_written(std::size_t count) override {
    if (!leaving_) events_->on_written(count);
  }

  void notify_eof() {
    if (over_ || eof_delivered_) return;
    eof_delivered_ = true;
    rest_.withdraw();
    if (leaving_) return;
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
  end_report report_;
  std::optional<duration> until_kill_;  // of the signal that comes next
  clock::time_point give_up_at_{};      // once it is being ended
  int ending_ = 0;                      // the last signal that was to end it
  bool running_ = false;
  bool exited_ = false;
  bool eof_delivered_ = false;
  bool over_ = false;
  bool leaving_ = false;
  bool lost_ = false;  // the connection, while the command may have run
};

}  // namespace

std::shared_ptr<ssh_environment> make_ssh_environment(loop& on, const ssh_options& options,
                                                      const ssh_caller& by) {
  return std::make_shared<ssh_environment>(on, options, by);
}

std::unique_ptr<transport> make_ssh_transport(std::shared_ptr<ssh_environment> shared,
                                              const host& where) {
  return std::make_unique<ssh_transport>(std::move(shared), where);
}

}  // namespace execo::detail
