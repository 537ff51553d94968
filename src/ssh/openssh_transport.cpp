// `ssh` as a local child. Its log, which has all that it knows, goes through a pipe of ours; what
// it writes elsewhere is the command's.
#include "ssh/openssh_transport.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/contain.hpp"
#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "process/local_transport.hpp"
#include "ssh/forwarding_transport.hpp"
#include "ssh/openssh_log_pipe.hpp"
#include "ssh/openssh_login.hpp"
#include "ssh/openssh_signal.hpp"
#include "ssh/password_notice.hpp"
#include "ssh/remote_text.hpp"

namespace execo::detail {
namespace {

// Of what ssh writes before the command runs: a banner of the server, or its own complaint.
constexpr std::size_t max_early_words = 1000;
// What still holds the output of an ssh that has ended, a ProxyCommand say, is not waited for.
constexpr auto output_wait = std::chrono::seconds(1);
// Each step of a stop policy makes one; more do not end a command any better.
constexpr std::size_t max_scripts = 4;

class openssh_transport final : public refusing_transport {
 public:
  openssh_transport(loop& on, std::shared_ptr<const openssh_setup> shared, const host& where,
                    std::string subsystem)
      : refusing_transport(on, make_local_transport(on, shared->around)),
        shared_(std::move(shared)),
        where_(where),
        subsystem_(std::move(subsystem)),
        log_(printable(where.name()), shared_->port_of(where), printable(shared_->user_of(where))),
        pipe_(on, delegate<>::to<&openssh_transport::read_log>(this),
              delegate<>::to<&openssh_transport::finish>(this)),
        wait_(delegate<>::to<&openssh_transport::wait_ended>(this), "output or end of ssh") {}

  // The end of the command is in the log, which is read with its output.
  bool redirect(int, const child_stream&) override { return false; }

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    std::string problem;
    std::optional<std::string> text = is_subsystem() ? subsystem_ : remote_text(what, problem);
    if (text && where_.name().starts_with('-')) {
      problem = "a host name that begins with '-' would be an option of ssh";
      text.reset();
    }
    if (!text)
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::invalid_argument),
                               shown() + ": " + problem));
    if (shared_->ignores_host_keys)
      log(log_level::warning, [this] { return shown() + ": the host key is not checked"; });
    // Without a text ssh asks for a shell.
    if (text->empty()) *text = ":";
    if (std::error_code error = pipe_.open())
      return fail_soon(failure(end_reason::spawn_failed, error, shown() + ": pipe for ssh"));
    is_terminal_ = what.attributes.pty;
    notice_ = password_notice(is_terminal_);
    control_ = home().service<control_sockets>().next();
    local_.emplace(
        is_subsystem()
            ? shared_->words_to_subsystem(where_, pipe_.path(), control_, std::move(*text))
            : shared_->words(where_, pipe_.path(), control_, is_terminal_, std::move(*text)));
    // A terminal has no end of input that a null device would stand for.
    local_->has_input = what.has_input || is_terminal_;
    if (std::error_code error = prepare_login())
      return fail_soon(failure(end_reason::spawn_failed, error,
                               shown() + ": the program that ssh asks for passwords"));
    pipe_.watch();
    open_inner(*local_);
  }

  // By a script on the connection: ssh itself passes none on.
  void signal(int number) override {
    auto until_kill = std::exchange(until_kill_, std::nullopt);
    if (stage_ != stage::live || !runs()) return;
    // Until KILL its user may still be telling it what to undo.
    if (is_subsystem()) return number == SIGKILL ? stop_ssh(number) : void();
    if (number == SIGKILL) until_kill = duration(0);
    if (until_kill) ending_ = number;
    if (control_.empty() || requests_.size() >= max_scripts || is_of_no_use())
      return until_kill ? stop_ssh(number) : void();
    begin_script(number, until_kill);
  }
  void end_scope(duration until_kill) override { until_kill_ = until_kill; }

  void close() override {
    if (stage_ >= stage::leaving) return;
    bool lives = stage_ == stage::live;
    stage_ = stage::leaving;
    if (!lives) return leave();
    pipe_.read_into(log_);
    if (awaits_answer()) return await_answer();
    if (!awaits_script()) return leave();
    home().arm_after(wait_, max_script_delay);
  }

  bool knows_host() const noexcept override { return why_unchecked().empty(); }

  pid_t pid() const noexcept override { return 0; }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("ssh to " + shown() + ":" + std::to_string(shared_->port_of(where_)) + " as " +
                    printable(shared_->user_of(where_)));
  }

 private:
  // fresh -> live -> ended -> over -> leaving -> left -> closed -> reported: ssh is to be started;
  // it was; it has ended without a status of the command, and its output is waited for; no event
  // follows but the last one; the same, and the server's answer or the script that ends the command
  // is waited for; ssh is given up; it is gone, and what else we began may not be. reported: the
  // last event was sent.
  enum class stage : std::uint8_t { fresh, live, ended, over, leaving, left, closed, reported };

  bool is_over() const noexcept { return stage_ >= stage::over; }
  std::string shown() const { return printable(where_.name()); }
  bool runs() const noexcept { return phase_ == phase::run; }
  bool is_subsystem() const noexcept { return !subsystem_.empty(); }

  // -- signals ------------------------------------------------------------------------------------
  struct request {
    std::unique_ptr<openssh_signal> script;
    bool ends = false;  // the command
  };

  // With `until_kill` it ends the command, else it sends one signal.
  void begin_script(int number, std::optional<duration> until_kill) {
    command_mark alone;
    std::string line = until_kill ? ending_line(1, number, *until_kill, alone)
                                  : signal_line(1, number, delivery::none, alone);
    // Without memory for either there is no request.
    requests_.reserve(requests_.size() + 1);
    auto script = std::make_unique<openssh_signal>(
        home(), shared_->around, openssh_setup::words_over(control_, where_, helper_script(line)),
        delegate<>::to<&openssh_transport::on_script>(this));
    request& made = requests_.emplace_back();
    made.ends = until_kill.has_value();
    made.script = std::move(script);
  }

  // All that is left then is to end the connection.
  void stop_ssh(int number) {
    stopped_ = true;
    refusing_transport::signal(number == SIGKILL ? SIGKILL : SIGTERM);
  }

  // A script that was not heard of may be a forced command, which is not begun once more.
  bool is_of_no_use() const noexcept {
    return std::ranges::any_of(requests_, [](const request& r) {
      script_state s = r.script->state();
      return s == script_state::refused || s == script_state::something_else;
    });
  }

  void on_script() {
    if (stage_ == stage::closed) return finish();
    // Not from inside an event of the script.
    if (stage_ == stage::leaving && !awaits_script())
      return home().arm_after(wait_, clock::duration(0));
    if (stage_ == stage::live && ending_ != 0 && is_of_no_use() && !stopped_) stop_ssh(ending_);
  }

  bool awaits_script() const noexcept {
    return of_scripts() != script_state::gone &&
           std::ranges::any_of(requests_,
                               [](const request& r) { return r.ends && !r.script->is_over(); });
  }

  // The command was asked for, and is given up before the owner was notified that it runs.
  bool awaits_answer() const noexcept {
    return !runs() && !is_subsystem() && log_.asked() && !log_.status() && ending_ == 0;
  }

  void await_answer() {
    if (log_.reached() < phase::run) return home().arm_after(wait_, max_answer_delay);
    if (control_.empty()) return leave();
    ending_ = SIGKILL;
    home().arm_after(wait_, max_script_delay);
    contain([this] { begin_script(SIGKILL, duration(0)); },
            [this](const std::exception_ptr&) { leave(); });
  }

  void leave() {
    stage_ = stage::left;
    home().disarm(wait_);
    for (request& r : requests_) r.script->leave();
    refusing_transport::close();
  }

  void wait_ended() {
    if (stage_ == stage::leaving) return leave();
    fail_now();
  }

  /// The furthest that a script that ends the command has come.
  script_state of_scripts() const noexcept {
    script_state furthest = script_state::waiting;
    for (const request& r : requests_)
      if (r.ends) furthest = std::max(furthest, r.script->state());
    return furthest;
  }

  // -- the login ----------------------------------------------------------------------------------
  std::error_code prepare_login() {
    if (!shared_->prompts.has_any()) return {};
    login_.emplace(home(), shared_->prompts, log_, login_names{shared_->user_of(where_), shown()},
                   delegate<>::to<&openssh_transport::read_log>(this),
                   delegate<>::to<&openssh_transport::finish>(this));
    try {
      login_->prepare(*local_, shared_->has_display());
    } catch (const std::system_error& error) {
      return error.code();
    }
    return {};
  }

  // Without another answer to it.
  void follow_login() {
    if (!login_ || stage_ != stage::live) return;
    if (login_->follow(why_unchecked())) refusing_transport::signal(SIGTERM);
  }

  // The key of the host; empty: it was. Whether a configuration says `accept-new` or `no` is not in
  // the log.
  std::string_view why_unchecked() const noexcept {
    if (shared_->ignores_host_keys) return "host keys: ignore";
    if (log_.took_any_key()) return "NoHostAuthenticationForLocalhost yes";
    bool is_any = log_.took_new_key() && !shared_->accepts_new_keys;
    return is_any ? "StrictHostKeyChecking of ssh_config, and it was not known before" : "";
  }

  // -- the log ------------------------------------------------------------------------------------
  void read_log() {
    pipe_.read_into(log_);
    follow_log();
  }

  void follow_log() {
    follow_login();
    if (phase_ < phase::run && log_.reached() == phase::run && stage_ == stage::live)
      words_.clear();
    bool is_answer = stage_ == stage::leaving && awaits_answer() && log_.reached() == phase::run;
    if (is_answer) return await_answer();
    if (stage_ != stage::live || phase_ >= log_.reached()) return;
    phase_ = log_.reached();
    owner().on_phase(phase_);
  }

  // -- events of the local child ------------------------------------------------------------------
  // It has begun to look for the host.
  void on_phase(phase) override {
    stage_ = stage::live;
    if (login_) login_->begin(inner().pid());
    owner().on_phase(phase::resolve);
    follow_log();
  }

  void on_output(stream which, std::span<const char> bytes) override {
    read_log();
    if (which == stream::err || is_terminal_) notice_.feed(bytes);
    if (is_over()) return;
    if (!runs()) return keep_early(bytes);
    if (which == stream::out) return owner().on_output(which, bytes);
    // All that a command writes to its terminal comes as its output.
    if (is_terminal_) return;
    bytes = without_own_words(bytes);
    if (!is_over() && !bytes.empty()) owner().on_output(which, bytes);
  }

  // The last ones say why it ends.
  void keep_early(std::span<const char> bytes) {
    words_.append(bytes.data(), bytes.size());
    if (words_.size() > max_early_words) words_.erase(0, words_.size() - max_early_words);
  }

  // When ssh loses the connection it says so on its standard error, behind the command's own words:
  // what looks like that is kept until more comes, or its end. That may have been reported, and the
  // output be read after it.
  std::span<const char> without_own_words(std::span<const char> bytes) {
    release_words();
    if (is_over()) return {};
    if (log_.status()) return bytes;
    std::string_view text(bytes.data(), bytes.size());
    std::size_t from = openssh_log::find_last_words(text, where_.name());
    words_ = text.substr(from);
    return bytes.first(from);
  }

  void release_words() {
    std::string words = std::exchange(words_, {});
    if (!words.empty()) owner().on_output(stream::err, words);
  }

  void on_eof(stream which) override {
    ++eofs_;
    read_log();
    if (is_over()) return;
    if (stage_ == stage::ended && eofs_ == 2) return fail_now();
    bool waits = !runs() || (which == stream::err && !words_.empty());
    if (waits) return kept_eofs_.push_back(which);
    // It may be the last thing that the owner waits for: then this is gone.
    owner().on_eof(which);
  }

  void on_exit(exit_status status) override {
    read_log();
    if (stage_ == stage::leaving && !awaits_script()) return leave();
    if (is_over()) return;
    if (log_.status()) return report_status(*log_.status());
    if (login_) login_->finish();
    stage_ = stage::ended;
    ended_ = status;
    why_ = describe(ended_);
    if (eofs_ == 2) return fail_now();
    home().arm_after(wait_, output_wait);
  }

  failure describe(const exit_status& of_ssh) const {
    if (stopped_)
      return failure(end_reason::connection_lost, {},
                     shown() + ": ssh was ended, since it passes no signal on");
    std::optional<failure> of_login = login_ ? login_->why() : std::nullopt;
    if (of_login) return std::move(*of_login);
    if (!of_ssh.signal()) return log_.describe(words_);
    return failure(log_.asked() ? end_reason::connection_lost : end_reason::connect_failed, {},
                   shown() + ": ssh itself was ended by " + of_ssh.to_string());
  }

  void report_status(exit_status status) {
    if (!runs()) {
      phase_ = phase::run;
      words_.clear();
      owner().on_phase(phase_);
    }
    if (!is_over()) release_words();
    for (stream which : std::exchange(kept_eofs_, {}))
      if (!is_over()) owner().on_eof(which);
    if (!is_over()) owner().on_exit(status);
  }

  void fail_now() {
    home().disarm(wait_);
    stage_ = stage::over;
    // Its last words may have come after its end.
    why_ = describe(ended_);
    owner().on_failed(*why_);
  }

  void on_failed(failure why) override {
    if (is_over()) return;
    stage_ = stage::over;
    why.context.insert(0, shown() + ": ");
    owner().on_failed(std::move(why));
  }

  // -- the end ------------------------------------------------------------------------------------
  void on_closed(end_report) override {
    read_log();
    for (request& r : requests_) r.script->leave();
    stage_ = stage::closed;
    pipe_.close();
    if (login_) login_->close();
    finish();
  }

  void finish() {
    auto is_open = [](const request& r) { return !r.script->is_closed(); };
    if (login_ && !login_->is_idle()) return;
    if (stage_ != stage::closed || !pipe_.is_idle() || std::ranges::any_of(requests_, is_open))
      return;
    stage_ = stage::reported;
    if (!control_.empty()) (void)::unlink(control_.c_str());
    owner().on_closed(complete({}));
  }

  end_report complete(end_report found) override {
    found.transport = transport_kind::openssh;
    found.connection = log_.tried() ? connection_use::made : connection_use::none;
    if (log_.asked()) found.started = certainty::maybe;
    found.leftover = what_is_left();
    found.reason = log_.reason_so_far();
    if (log_.asked() && notice_.found())
      found.real_end = refused_for_password(shared_->user_of(where_), shown());
    return found;
  }

  leftover_cause what_is_left() const noexcept {
    if (!log_.asked()) return leftover_cause::none;
    // What runs in place of the command ends with its terminal.
    if (notice_.found()) return leftover_cause::none;
    // It ends with its connection.
    if (is_subsystem() && stopped_) return leftover_cause::none;
    bool ended_by_itself = log_.status() && ending_ == 0;
    if (ended_by_itself) return leftover_cause::none;
    if (why_ && !stopped_ && ending_ == 0)
      return why_->how == end_reason::connection_lost ? leftover_cause::connection_lost
                                                      : leftover_cause::none;
    if (log_.reached() < phase::run) return leftover_cause::no_answer;
    return left_by_script();
  }

  leftover_cause left_by_script() const noexcept {
    switch (of_scripts()) {
      case script_state::gone:
        return leftover_cause::none;
      case script_state::not_permitted:
        return leftover_cause::not_permitted;
      case script_state::held:
        return leftover_cause::held;
      case script_state::accepted:
      case script_state::started:
      case script_state::at_work:
      case script_state::broken:
        return leftover_cause::no_answer;
      default:
        break;
    }
    // The command has reported its end, and nothing holds its output.
    if (log_.status() && eofs_ == 2) return leftover_cause::none;
    if (of_scripts() == script_state::refused) return leftover_cause::no_second_channel;
    if (of_scripts() == script_state::something_else) return leftover_cause::forced_command;
    return control_.empty() || stopped_ ? leftover_cause::no_signals : leftover_cause::no_answer;
  }

  const std::shared_ptr<const openssh_setup> shared_;
  const host where_;
  const std::string subsystem_;  // in place of a command; empty: none
  openssh_log log_;
  openssh_log_pipe pipe_;
  deadline_timer wait_;  // for the output of an ssh that has ended
  std::optional<command> local_;
  std::optional<openssh_login> login_;  // if ssh may ask for something
  std::string control_;                 // ssh's control socket; empty: none
  std::vector<request> requests_;
  std::optional<duration> until_kill_;  // of the signal that comes next
  exit_status ended_;                   // of an ssh without a status of the command
  std::optional<failure> why_;          // it has ended so
  std::vector<stream> kept_eofs_;       // until the end of the command is known
  std::string words_;                   // on the standard error, that may be ssh's own
  phase phase_ = phase::resolve;
  int eofs_ = 0;
  stage stage_ = stage::fresh;
  password_notice notice_;
  bool is_terminal_ = false;  // what the command gets
  int ending_ = 0;            // the last signal that was to end it
  bool stopped_ = false;      // we ended ssh
};

}  // namespace

std::unique_ptr<transport> make_openssh_try(loop& on, std::shared_ptr<const openssh_setup> shared,
                                            const host& where, std::string subsystem) {
  return std::make_unique<openssh_transport>(on, std::move(shared), where, std::move(subsystem));
}

}  // namespace execo::detail
