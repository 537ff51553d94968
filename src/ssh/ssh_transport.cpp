#include "ssh/ssh_transport.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/contain.hpp"
#include "execo/printable.hpp"
#include "ssh/environment.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/password_notice.hpp"
#include "ssh/remote_channel.hpp"
#include "ssh/remote_session.hpp"
#include "ssh/remote_text.hpp"
#include "ssh/rest_question.hpp"
#include "ssh/session_pool.hpp"
#include "ssh/sibling_signal.hpp"

namespace execo::detail {
namespace {

// Long enough for a command that a signal request has reached to end and say so.
constexpr auto signal_delay = std::chrono::milliseconds(200);

// RFC 4254, 6.10. What is not in it has no name that an ssh server would understand.
const char* rfc_name(int number) {
  constexpr std::array known{SIGABRT, SIGALRM, SIGFPE,  SIGHUP,  SIGILL,  SIGINT, SIGKILL,
                             SIGPIPE, SIGQUIT, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2};
  return std::ranges::find(known, number) != known.end() ? ::sigabbrev_np(number) : nullptr;
}

// A server that does not even open a channel in this time, on a session that was kept, is thought
// to be gone: a new session shows whether it is.
constexpr auto reuse_limit = std::chrono::seconds(3);

// Connections that have no room for a command before it gets one of its own.
constexpr int max_moves = 3;

// A connection that is there is tried first. It may have been lost without a word, or have no room
// for one more command: until the command is asked for on it, another one can take its place.
class ssh_transport final : public transport, session_user, channel_owner {
 public:
  explicit ssh_transport(ssh_target where)
      : shared_(std::move(where.shared)),
        subsystem_(std::move(where.subsystem)),
        limit_(delegate<>::to<&ssh_transport::limit_expired>(this), "answer to a command"),
        step_(delegate<>::to<&ssh_transport::go_on>(this)) {
    lease_ = pool().acquire(shared_, where.name, where.port, where.user, *this);
  }
  // One that was not opened.
  ~ssh_transport() override {
    if (lease_) pool().give_back(std::move(lease_), handback::unused);
  }

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    command_ = &what;
    connection_ = use_of(*lease_);
    if (connection_ == connection_use::reused) return queue_step();
    stage_ = stage::connecting;
    lease_->begin(*this);
  }

  void write(std::span<const char> bytes) override {
    if (stage_ >= stage::running) channel().write(bytes);
  }

  void close_input() override {
    if (stage_ >= stage::running) channel().close_input();
  }

  void signal(int number) override {
    auto until_kill = std::exchange(until_kill_, std::nullopt);
    // Another command of a lost connection may be the first to be notified of the loss.
    if (stage_ != stage::running || !session().authenticated()) return;
    if (is_subsystem()) return end_subsystem(number);
    lease_->seal();
    if (!sibling_ && sibling_signal::possible(session()))
      sibling_ = std::make_unique<sibling_signal>(*lease_,
                                                  delegate<>::to<&ssh_transport::on_script>(this));
    if (number == SIGKILL) until_kill = duration(0);
    if (until_kill) return end(number, *until_kill);
    const char* name = rfc_name(number);
    if (name != nullptr) channel().send_signal(name);
    if (!sibling_) return;
    bool ignored = name == nullptr || sibling_signal::needed(session(), number);
    sibling_->send(number, ignored ? delivery::none : delivery::possible,
                   ignored ? clock::duration(0) : signal_delay);
  }

  void end_scope(duration until_kill) override { until_kill_ = until_kill; }

  void pause(stream which, bool paused) override {
    if (lease_) channel().pause(which, paused);
  }

  bool query_pending_output() override {
    if (over_ || session().closing()) return false;
    auto known = delegate<rest_question::answer>::to<&ssh_transport::rest_known>(this);
    contain(
        [&] {
          if (!rest_) rest_ = std::make_unique<rest_question>(session(), known);
        },
        [](const std::exception_ptr&) {});
    if (rest_) rest_->put();
    return rest_ != nullptr;
  }

  clock::duration max_output_delay() const noexcept override { return shared_->answer_limit; }

  bool tells_before_start() const noexcept override { return true; }
  bool knows_host() const noexcept override { return lease_ && session().knows_host(); }
  clock::duration unread_time() const noexcept override {
    return lease_ ? session().unread_time() : clock::duration(0);
  }

  void describe(std::vector<std::string>& lines) const override {
    if (!lease_) return lines.push_back("session, closed");
    lines.push_back("session " + name() + ":" + std::to_string(session().port()) + " as " +
                    session().user() + (parting_ == parting::none ? "" : ", closing"));
  }

  // Between the request and its answer the command may run already, and libssh sends no signal
  // before the answer has come: leaving at once would leave it behind.
  // What is left of a command that is being ended is known when the script says so.
  void close() override {
    if (parting_ != parting::none) return;
    if (sibling_) sibling_->cancel();
    parting_ = parting::waiting;
    if (!awaits_end(parting::none) || home().now() >= leave_time()) return leave();
    withdraw_rest();
    // The script's answer may be ordered after output that is not taken.
    channel().pause(stream::out, false);
    channel().pause(stream::err, false);
    home().arm(limit_, leave_time());
  }

 private:
  // leased -> connecting -> opening -> running -> exited: the lease is not begun with; there is no
  // session yet, or no room on it; a channel is asked to run the command; it runs; its end was
  // seen. From connecting and opening back to leased when another connection takes the place of
  // this one.
  enum class stage : std::uint8_t { leased, connecting, opening, running, exited };
  // waiting: for the end of a command that may run. left: nothing of the session is ours any more.
  enum class parting : std::uint8_t { none, waiting, left };

  loop& home() const noexcept { return shared_->home; }
  session_pool& pool() const { return home().service<session_pool>(); }
  remote_session& session() const noexcept { return lease_->session(); }
  remote_channel& channel() const noexcept { return lease_->channel(); }
  static connection_use use_of(const session_lease& lease) noexcept {
    return lease.is_first() ? connection_use::made : connection_use::reused;
  }
  const std::string& name() const noexcept { return session().name(); }
  bool runs() const noexcept { return stage_ == stage::running; }
  bool is_subsystem() const noexcept { return !subsystem_.empty(); }
  bool exited() const noexcept { return stage_ == stage::exited; }
  bool waits_to_leave() const noexcept { return parting_ == parting::waiting; }

  // False: the connection was made for this command, or the command was asked for on it, or there
  // is no memory for another one.
  bool replace_session() {
    bool unused = connection_ == connection_use::reused && lease_->was_established() &&
                  !channel().requested();
    if (!unused || !take_another(handback::given_up)) return false;
    connection_ = connection_use::replaced;
    return true;
  }

  // To a connection that has room. False: as above.
  bool move_on() {
    if (connection_ != connection_use::reused || channel().requested()) return false;
    return take_another(handback::unused);
  }

  bool take_another(handback why) {
    if (parting_ != parting::none) return false;
    if (why == handback::given_up) lease_->seal();
    std::unique_ptr<session_lease> other;
    contain(
        [&] {
          const remote_session& s = session();
          other = ++moves_ > max_moves
                      ? pool().acquire_new(shared_, s.name(), s.port(), s.user(), *this)
                      : pool().acquire(shared_, s.name(), s.port(), s.user(), *this);
        },
        [](const std::exception_ptr&) {});
    if (!other) return false;
    home().disarm(limit_);
    for (stream which : {stream::out, stream::err})
      other->channel().pause(which, channel().is_paused(which));
    pool().give_back(std::exchange(lease_, std::move(other)), why);
    connection_ = use_of(*lease_);
    stage_ = stage::leased;
    queue_step();
    return true;
  }

  void queue_step() {
    if (std::exchange(step_queued_, true)) return;
    home().defer(step_);
  }

  // Begins with a lease, or comes to the last event.
  void go_on() {
    step_queued_ = false;
    if (parting_ == parting::left) {
      end_report found;
      found.leftover = leftover_;
      found.note = std::move(note_);
      found.reason = reason_;
      if (real_end_) {
        real_end_->why.context = real_end_->why.text();
        found.real_end = std::move(*real_end_);
      }
      found.connection = connection_;
      found.transport = transport_kind::ssh;
      found.may_fit_openssh = fits_openssh_;
      found.started = started_;
      return events_->on_closed(std::move(found));
    }
    if (stage_ == stage::leased && !over_ && parting_ == parting::none) begin_with_lease();
  }

  void begin_with_lease() {
    using standing = session_lease::standing;
    stage_ = stage::connecting;
    if (lease_->of_session() == standing::lost) return begin_without_session();
    lease_->begin(*this);
    if (lease_->of_session() == standing::connecting) {
      if (std::optional<phase> now = lease_->current_phase()) events_->on_phase(*now);
      return;
    }
    home().arm_after(limit_, reuse_limit);
    events_->on_phase(phase::open);
    if (parting_ != parting::none) return;
    contain([this] { lease_->admit(); }, [this](const std::exception_ptr& error) { fail(error); });
  }

  // Lost before it was begun with.
  void begin_without_session() {
    if (replace_session()) return;
    fail(failure(end_reason::connect_failed, std::make_error_code(std::errc::not_connected),
                 name() + ": the connection that another command was making was lost"));
  }

  void limit_expired() {
    if (!waits_to_leave()) return (void)replace_session();
    if (home().now() >= leave_time()) return leave();
    home().arm(limit_, leave_time());
  }

  clock::time_point leave_time() const noexcept {
    if (stage_ < stage::running) return channel().requested_at() + max_answer_delay;
    bool is_busy = awaits_script() && session().gave_sign_of_life();
    return is_busy ? later(give_up_at_, max_script_delay) : give_up_at_;
  }

  void withdraw_rest() noexcept {
    if (rest_) rest_->withdraw();
  }

  // Ends the command by a script, since only that can go on when the command's shell has ended: it
  // has to find them before the shell gets the signal. The request is for where there is none.
  void end(int number, duration until_kill) {
    ending_ = number;
    give_up_at_ = later(later(home().now(), until_kill), after_kill);
    if (!sibling_) return ask_server();
    session().ask_for_sign_of_life();
    // A script that has not looked yet is waited for: the command's shell must not go before.
    bool looked = sibling_->has_looked();
    bool one_more = sibling_->end(number, until_kill);
    kill_is_due_ = number == SIGKILL && !one_more && !looked;
    if (looked && (!one_more || number == SIGKILL)) ask_server();
  }

  // Servers pass it no signal; it ends with its input. Until KILL its user may still be telling it
  // what to undo.
  void end_subsystem(int number) {
    if (number == SIGKILL) channel().close_input();
  }

  void ask_server() {
    if (const char* name = rfc_name(ending_)) channel().send_signal(name);
  }

  void on_script() {
    if (parting_ == parting::left) return;
    script_state now = sibling_->state();
    bool of_no_use = now == script_state::refused || now == script_state::something_else ||
                     now == script_state::found_nothing;
    if (of_no_use && !exited()) ask_server();
    if (now == script_state::at_work && std::exchange(kill_is_due_, false))
      (void)sibling_->end(SIGKILL, duration(0));
    if (waits_to_leave() && !awaits_end(parting_)) leave();
  }

  bool awaits_script() const noexcept {
    return sibling_ && ending_ != 0 && sibling_->state() <= script_state::at_work;
  }

  // A command that may have begun and was not answered for, one that is sent KILL for that, and a
  // script that is not done.
  bool awaits_end(parting now) const noexcept {
    if (over_ || !channel().requested()) return false;
    return stage_ < stage::running || (now == parting::waiting && !exited()) || awaits_script();
  }

  leftover_cause what_is_left() const noexcept {
    if (lost_) return exited() ? leftover_cause::none : leftover_cause::connection_lost;
    if (channel().requested() && stage_ < stage::running && !over_)
      return leftover_cause::no_answer;
    // What runs in place of the command ends with its terminal.
    if (ending_ == 0 || notice_.found()) return leftover_cause::none;
    // Who holds its output may be what outlived the shell.
    bool all_ended = exited() && eof_delivered_;
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

  // Whether the session is as good as new.
  bool may_be_kept() const noexcept {
    return shared_->reuse && exited() && eof_delivered_ && !over_ && ending_ == 0 && !sibling_ &&
           session().authenticated() && !session().closing() && !session().lost();
  }

  // A connection is as good as new when its command has ended by itself; one on which nothing was
  // asked for is closed unless others need it.
  handback why_left() const noexcept {
    if (may_be_kept()) return handback::ended;
    bool unused = !channel().requested() && lease_->has_company();
    return unused ? handback::unused : handback::given_up;
  }

  void find_real_end() noexcept {
    contain(
        [this] {
          if (is_connecting()) {
            if (std::optional<failed_try> last = session().last_try())
              real_end_ = std::make_unique<failed_try>(std::move(*last));
          } else if (notice_.found()) {
            real_end_ = std::make_unique<failed_try>(
                refused_for_password(session().user(), printable(name())));
          }
        },
        [](const std::exception_ptr&) {});
  }
  bool is_connecting() const noexcept { return stage_ == stage::connecting && !over_; }

  void leave() {
    if (parting_ == parting::left) return;
    home().disarm(limit_);
    withdraw_rest();
    leftover_ = what_is_left();
    if (is_connecting()) {
      note_ = session().note();
      reason_ = session().reason_so_far();
    }
    find_real_end();
    if (sibling_) sibling_->leave();
    if (channel().requested()) started_ = certainty::maybe;
    parting_ = parting::left;
    handback why = why_left();
    pool().give_back(std::move(lease_), why);
    queue_step();
  }

  void session_entered(phase where) override { events_->on_phase(where); }

  void session_waits() override { events_->on_waiting(); }

  void session_ready() override {
    stage_ = stage::opening;
    std::string problem;
    std::optional<std::string> text = is_subsystem() ? subsystem_ : remote_text(*command_, problem);
    if (!text)
      return fail(failure(end_reason::unsupported,
                          std::make_error_code(std::errc::invalid_argument),
                          name() + ": " + problem));
    const spawn_attributes& wanted = command_->attributes;
    notice_ = password_notice(wanted.pty);
    if (wanted.pty)
      channel().ask_for_terminal(shared_->terminal, wanted.pty_columns, wanted.pty_rows);
    lease_->note_begin();
    channel().open();
    channel().send_variables();
    if (is_subsystem()) {
      channel().run_subsystem(std::move(*text));
    } else {
      channel().run(std::move(*text));
    }
    // As from /dev/null.
    if (!command_->has_input && !wanted.pty) channel().close_input();
  }

  void session_full() override {
    if (move_on()) return;
    fail(failure(end_reason::connect_failed, std::make_error_code(std::errc::not_enough_memory),
                 name() + ": ssh session"));
  }

  void session_failed(const failure& how) override {
    failure why = how;
    why.context = how.text();
    if (replace_session()) return;
    lost_ = channel().requested() && !over_;
    channel().give_out();
    withdraw_rest();
    if (waits_to_leave()) return leave();
    if (exited()) return eof_delivered_ ? void() : lose_rest(std::move(why));
    if (why.how == end_reason::connection_lost && !channel().requested())
      why.context += "; the command was not started";
    fail(std::move(why));
  }

  void channel_started() override {
    stage_ = stage::running;
    lease_->note_start();
    if (parting_ == parting::none) {
      home().disarm(limit_);
      return events_->on_phase(phase::run);
    }
    signal(SIGKILL);
    home().arm(limit_, give_up_at_);
  }

  void channel_data(stream which, std::span<const char> bytes) override {
    withdraw_rest();
    if (which == stream::err || command_->attributes.pty) notice_.feed(bytes);
    if (!over_ && parting_ == parting::none) events_->on_output(which, bytes);
  }

  void channel_eof() override { notify_eof(); }

  void channel_exit(exit_status status) override {
    if (exited() || over_) return;
    stage_ = stage::exited;
    if (ending_ == 0) lease_->note_end();
    if (waits_to_leave()) return awaits_end(parting_) ? void() : leave();
    if (sibling_) sibling_->cancel();
    events_->on_exit(status);
  }

  void channel_closed() override {
    if (exited()) return;
    fail(failure(end_reason::status_lost, {},
                 name() + (runs() ? ": the server closed the channel without an exit status"
                                  : ": the server closed the channel instead of answering the "
                                    "request to run the command")));
  }

  void channel_refused(refusal of, std::string why) override {
    bool beside_others = of <= refusal::mark && lease_->has_mark();
    if (beside_others) {
      pool().learn_limit(*lease_, of);
      if (move_on()) return;
    } else if (of == refusal::channel && replace_session()) {
      shared_->channels_end_late = true;
      return;
    }
    fail(failure(end_reason::connect_failed, std::make_error_code(std::errc::not_supported),
                 name() + ": " + why + "; the command was not started"));
  }

  void channel_written(std::size_t count) override {
    if (parting_ == parting::none) events_->on_written(count);
  }

  void channel_broke(const std::exception_ptr& error) override { fail(error); }

  void notify_eof() {
    if (over_ || eof_delivered_) return;
    eof_delivered_ = true;
    withdraw_rest();
    if (parting_ != parting::none) return;
    events_->on_eof(stream::out);
    events_->on_eof(stream::err);
  }

  void rest_known(rest_question::answer found) {
    if (found == rest_question::answer::none_left) return events_->on_no_output_pending();
    fail(failure(end_reason::output_failed, std::make_error_code(std::errc::timed_out),
                 fmt::format("{}: the command ended, but the server has been silent for {} since: "
                             "the end of its output is missing",
                             name(), format_duration(shared_->answer_limit))));
  }

  // The command's end is known.
  void lose_rest(failure why) {
    why.context += "; the command ended before, but the end of its output is missing";
    fail(std::move(why));
  }

  void fail(const std::exception_ptr& error) {
    bool ran = stage_ >= stage::running;
    fail(
        failure(ran ? end_reason::output_failed : end_reason::connect_failed, error_of(error), {}));
  }

  void fail(failure why) {
    if (over_) return;
    over_ = true;
    fits_openssh_ = why.fits_openssh;
    if (waits_to_leave()) return leave();
    events_->on_failed(std::move(why));
  }

  const std::shared_ptr<ssh_environment> shared_;
  const std::string subsystem_;           // in place of a command; empty: none
  std::unique_ptr<session_lease> lease_;  // until it is left
  std::unique_ptr<rest_question> rest_;
  std::unique_ptr<sibling_signal> sibling_;
  deadline_timer limit_;  // of a session that was kept, or of what is waited for before it is left
  queue_node step_;
  transport_events* events_ = nullptr;
  const command* command_ = nullptr;
  std::optional<duration> until_kill_;  // of the signal that comes next
  clock::time_point give_up_at_{};      // once it is being ended
  int ending_ = 0;                      // the last signal that was to end it
  stage stage_ = stage::leased;
  int moves_ = 0;
  parting parting_ = parting::none;
  leftover_cause leftover_ = leftover_cause::none;  // once it is left
  std::string note_;                                // the same
  failure_reason reason_ = failure_reason::none;    // the same
  std::unique_ptr<failed_try> real_end_;            // the same
  password_notice notice_;
  connection_use connection_ = connection_use::none;
  certainty started_ = certainty::no;
  bool step_queued_ = false;
  bool eof_delivered_ = false;
  bool over_ = false;          // on_failed was the last event but one
  bool fits_openssh_ = false;  // the failure is one that it may not have
  bool lost_ = false;          // the connection, while the command may have run
  bool kill_is_due_ = false;   // once the script that ends the command has looked
};

}  // namespace

std::shared_ptr<ssh_environment> make_ssh_environment(loop& on, const ssh_options& options,
                                                      const ssh_caller& by) {
  return on.service<session_pool>().environment_for(options, by);
}

std::size_t kept_sessions(loop& on) { return on.service<session_pool>().idle(); }

std::size_t kept_descriptors(loop& on) {
  const session_pool& pool = on.service<session_pool>();
  return pool.idle() + pool.spare_descriptors();
}

std::unique_ptr<transport> make_ssh_transport(ssh_target where) {
  return std::make_unique<ssh_transport>(std::move(where));
}

std::unique_ptr<transport> make_ssh_transport(std::shared_ptr<ssh_environment> shared,
                                              const host& where) {
  ssh_target to;
  to.name = where.name();
  to.user = where.user().empty() ? shared->user : where.user();
  to.port = where.port() == 0 ? shared->port : where.port();
  to.shared = std::move(shared);
  return make_ssh_transport(std::move(to));
}

}  // namespace execo::detail
