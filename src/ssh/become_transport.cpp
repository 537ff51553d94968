#include "ssh/become_transport.hpp"

#include <signal.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "execo/printable.hpp"
#include "ssh/become_watch.hpp"
#include "ssh/forwarding_transport.hpp"
#include "ssh/password_book.hpp"
#include "ssh/remote_text.hpp"

namespace execo::detail {
namespace {

// A line that the program has not ended for this long, and that is no prompt for a password, asks
// for something else.
constexpr auto question_time = std::chrono::seconds(3);
// The last words of a program that has ended.
constexpr auto words_time = std::chrono::seconds(1);
constexpr std::string_view line_end = "\n";

class become_transport final : public refusing_transport {
 public:
  become_transport(loop& on, std::shared_ptr<const become_setup> shared,
                   std::unique_ptr<transport> inner, become_place where)
      : refusing_transport(on, std::move(inner)),
        shared_(std::move(shared)),
        wake_(delegate<>::to<&become_transport::take_password>(this), "password of a method"),
        wait_(delegate<>::to<&become_transport::waited>(this), "words of a method"),
        is_checked_(where.is_checked) {
    who_.how = shared_->how;
    who_.user = shared_->user;
    who_.login = std::move(where.login);
    who_.host = std::move(where.name);
  }

  // Both outputs are read here, and the password is written here.
  bool redirect(int, const child_stream&) override { return false; }

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    std::string problem;
    // Not the shell of the other user, which may be nologin: that of www-data is.
    std::optional<std::string> text = remote_text(what, problem, "/bin/sh");
    if (!text)
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::invalid_argument),
                               printable(who_.host + ": " + problem)));
    is_terminal_ = what.attributes.pty;
    has_input_ = what.has_input;
    watch_.emplace(who_, is_terminal_);
    made_.emplace(become_text(who_, watch_->marks(), *text, is_terminal_));
    made_->has_input = true;
    made_->attributes.pty = is_terminal_;
    made_->attributes.pty_rows = what.attributes.pty_rows;
    made_->attributes.pty_columns = what.attributes.pty_columns;
    open_inner(*made_);
  }

  void close() override {
    disarm();
    // It still has what is being written.
    if (turn_) turn_->give_back();
    bool may_run = (stage_ == stage::waiting || stage_ == stage::answered) && !exit_;
    if (may_run) {
      stage_ = stage::given_up;
      inner().end_scope(duration(0));
      inner().signal(SIGKILL);
    }
    if (stage_ == stage::asking) stage_ = stage::failed;
    refusing_transport::close();
  }

  pid_t pid() const noexcept override { return inner().pid(); }

 private:
  // fresh -> waiting -> asking -> answered -> running: the text is on its way; it runs, and the
  // program may ask; it has asked, and the password is waited for; it was sent; the command runs.
  // From waiting and answered, if not to running: failed, the command is not started, or given_up,
  // it may have been.
  enum class stage : std::uint8_t {
    fresh,
    waiting,
    asking,
    answered,
    running,
    failed,
    given_up,
  };

  bool is_before_start() const noexcept {
    return stage_ == stage::waiting || stage_ == stage::asking || stage_ == stage::answered;
  }

  void disarm() noexcept {
    home().disarm(wake_);
    home().disarm(wait_);
  }

  // -- before the command -------------------------------------------------------------------------
  void on_phase(phase entered) override {
    if (entered != phase::run) return owner().on_phase(entered);
    stage_ = stage::waiting;
    owner().on_phase(phase::open);
  }

  void on_output(stream which, std::span<const char> bytes) override {
    if (watch_->has_passed(which)) return owner().on_output(which, bytes);
    if (!is_before_start() && stage_ != stage::running) return;
    watch_->add(which, bytes);
    read(which);
  }

  // Not while the password is being written: then the command, if it is next, gets nothing else.
  void read(stream which) {
    while (in_flight_.empty() && (is_before_start() || stage_ == stage::running)) {
      if (watch_->has_passed(which)) return;
      switch (watch_->next(which)) {
        case become_watch::event::prompt:
          asked();
          break;
        case become_watch::event::started:
          return begin(which);
        default:
          return await_question();
      }
    }
  }

  void await_question() {
    bool may_ask = stage_ == stage::waiting || stage_ == stage::answered;
    if (exit_) return;
    home().disarm(wait_);
    if (may_ask && watch_->is_question()) home().arm_after(wait_, question_time);
  }

  void waited() {
    if (exit_) return conclude();
    fail(other_become_question(who_, watch_->words()));
  }

  void asked() {
    home().disarm(wait_);
    if (stage_ == stage::answered) return fail(wrong_become_password(who_));
    if (stage_ != stage::waiting) return;
    if (!shared_->password) return fail(missing_become_password(who_));
    if (!is_checked_) return fail(unchecked_become_host(who_, unchecked_by::policy));
    if (!inner().knows_host()) return fail(unchecked_become_host(who_, unchecked_by::files));
    stage_ = stage::asking;
    turn_.emplace(home(), shared_->password, who_.password_of(),
                  delegate<>::to<&become_transport::notice>(this));
    take_password();
  }

  void notice() { home().arm_after(wake_, clock::duration(0)); }

  void take_password() {
    if (stage_ != stage::asking) return;
    switch (turn_->take()) {
      case password_turn::answer::wait:
        return;
      case password_turn::answer::missing:
        return fail(missing_become_password(who_));
      case password_turn::answer::refused:
        return fail(refused_become_password(who_, turn_->refused_by()));
      case password_turn::answer::send:
        break;
    }
    stage_ = stage::answered;
    in_flight_ = turn_->text().reveal();
    // What follows a line break would be read by the command.
    if (in_flight_.find('\n') != in_flight_.npos || in_flight_.find('\0') != in_flight_.npos)
      return fail(
          failure(end_reason::unsupported, {}, printable(who_.host + ": a password is one line")));
    if (in_flight_.empty()) in_flight_ = line_end;
    inner().write(in_flight_);
  }

  void on_written(std::size_t count) override {
    if (in_flight_.empty()) return owner().on_written(count);
    bool was_password = in_flight_.data() != line_end.data();
    in_flight_.remove_prefix(count);
    if (in_flight_.empty() && was_password) in_flight_ = line_end;
    if (!in_flight_.empty()) return inner().write(in_flight_);
    read_both();
  }

  void on_input_closed() override {
    if (stage_ == stage::running) return owner().on_input_closed();
    in_flight_ = {};
    read_both();
  }

  void read_both() {
    for (stream which : {stream::err, stream::out}) read(which);
  }

  // -- the command --------------------------------------------------------------------------------
  void begin(stream which) {
    home().disarm(wait_);
    bool is_first = stage_ != stage::running;
    if (is_first) start();
    std::string rest = watch_->take_rest(which);
    if (!rest.empty()) owner().on_output(which, rest);
    if (is_first) pass_end();
  }

  void start() {
    if (stage_ == stage::answered) turn_->accepted();
    stage_ = stage::running;
    if (!has_input_ && !is_terminal_) inner().close_input();
    owner().on_phase(phase::run);
  }

  // What has come too early. After the last of it there may be nothing left of this.
  void pass_end() {
    for (stream which : {stream::out, stream::err})
      if (std::exchange(ended_[index(which)], false)) owner().on_eof(which);
    if (exit_) owner().on_exit(*exit_);
  }

  static std::size_t index(stream which) noexcept { return which == stream::out ? 0 : 1; }

  void on_eof(stream which) override {
    if (stage_ == stage::running) return owner().on_eof(which);
    ended_[index(which)] = true;
    if (exit_ && ended_[0] && ended_[1]) conclude();
  }

  void on_exit(exit_status status) override {
    if (stage_ == stage::running) return owner().on_exit(status);
    if (!is_before_start()) return;
    exit_ = status;
    if (ended_[0] && ended_[1]) return conclude();
    home().arm_after(wait_, words_time);
  }

  // The program has ended, and with it the command, if it was started at all.
  void conclude() {
    if (!is_before_start()) return;
    in_flight_ = {};
    read_both();
    if (!is_before_start()) return;
    become_end end;
    end.words = watch_->words();
    end.status = exit_->to_string();
    end.begun = watch_->has_begun();
    end.answered = stage_ == stage::answered;
    end.terminal = is_terminal_;
    fail(why_not_become(who_, end));
  }

  void fail(failure why) {
    disarm();
    bool is_refusal = stage_ == stage::answered && why.reason == failure_reason::wrong_password;
    if (is_refusal) turn_->refused(who_.host);
    stage_ = stage::failed;
    in_flight_ = {};
    owner().on_failed(std::move(why));
  }

  void on_failed(failure why) override {
    disarm();
    if (stage_ == stage::asking) stage_ = stage::failed;
    if (is_before_start()) stage_ = stage::given_up;
    owner().on_failed(std::move(why));
  }

  end_report complete(end_report found) override {
    if (stage_ == stage::failed) {
      found.started = certainty::no;
      found.leftover = leftover_cause::none;
    }
    if (stage_ == stage::given_up) {
      found.started = certainty::maybe;
      if (found.note.empty() && watch_->has_begun())
        found.note = printable(who_.host + ": " + std::string(to_string(who_.how)) +
                               " has not started the command");
    }
    return found;
  }

  const std::shared_ptr<const become_setup> shared_;
  become_who who_;
  std::optional<become_watch> watch_;  // once it is opened
  std::optional<command> made_;        // the same
  std::optional<password_turn> turn_;  // once it is asked for
  deadline_timer wake_;                // for the password
  deadline_timer wait_;                // for the end of a question, or for last words
  std::string_view in_flight_;         // of the password and the end of its line
  std::optional<exit_status> exit_;    // of the program, before the command was seen
  std::array<bool, 2> ended_{};        // outputs, the same
  const bool is_checked_;
  stage stage_ = stage::fresh;
  bool is_terminal_ = false;
  bool has_input_ = false;
};

}  // namespace

become_setup::become_setup(const ssh_options& options)
    : how(options.become_method), user(options.become), password(options.become_password) {
  if (user.starts_with('-') || user.find_first_of(std::string_view("\n\0", 2)) != user.npos)
    throw std::invalid_argument("become: no name of a user: " + printable(user));
}

std::unique_ptr<transport> make_become_transport(loop& on,
                                                 std::shared_ptr<const become_setup> shared,
                                                 std::unique_ptr<transport> inner,
                                                 become_place where) {
  return std::make_unique<become_transport>(on, std::move(shared), std::move(inner),
                                            std::move(where));
}

}  // namespace execo::detail
