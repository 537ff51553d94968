#include "ssh/openssh_forward.hpp"

#include <signal.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "base/contain.hpp"
#include "execo/free_ports.hpp"
#include "execo/printable.hpp"
#include "process/local_transport.hpp"
#include "ssh/forwarding_transport.hpp"
#include "ssh/listening_socket.hpp"
#include "ssh/openssh_log_pipe.hpp"
#include "ssh/openssh_transport.hpp"

namespace execo::detail {
namespace {

// Of what a proxy command says on the standard error of ssh.
constexpr std::size_t max_last_words = 1000;
// What still holds the output of an ssh that has ended, a ProxyCommand say, is not waited for.
constexpr auto last_words_wait = std::chrono::seconds(1);

// As ssh reads it back: a colon ends a field, a percent sign begins a token.
std::string field_of(const forward_endpoint& end) {
  if (!end.is_path()) return end.to_string();
  std::string text;
  for (char c : end.path()) {
    if (c == ':' || c == '\\') text += '\\';
    if (c == '%') text += '%';
    text += c;
  }
  return text;
}

class openssh_forward final : public refusing_transport {
 public:
  openssh_forward(loop& on, std::shared_ptr<const openssh_setup> shared, const host& where,
                  std::shared_ptr<forward_state> what)
      : refusing_transport(on, make_local_transport(on, shared->around)),
        shared_(std::move(shared)),
        where_(where),
        state_(std::move(what)),
        here_(state_->plan.here),
        log_(printable(where.name()), shared_->port_of(where), printable(shared_->user_of(where)),
             openssh_log::work::forward),
        pipe_(on, delegate<>::to<&openssh_forward::read_log>(this),
              delegate<>::to<&openssh_forward::finish>(this)),
        wait_(delegate<>::to<&openssh_forward::fail_now>(this), "the last words of ssh"),
        step_(delegate<>::to<&openssh_forward::notify>(this)) {}

  bool redirect(int, const child_stream&) override { return false; }
  void allow_bulk(stream) override {}
  void write(std::span<const char>) override {}
  void close_input() override {}
  void pause(stream, bool) override {}
  bool query_pending_output() override { return false; }

  void open(const command&, transport_events& events) override {
    set_owner(events);
    if (where_.name().starts_with('-'))
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::invalid_argument),
                               shown() + ": a host name that begins with '-' would be an option"));
    try {
      choose_port();
    } catch (const std::system_error& error) {
      return fail_soon(failure(end_reason::spawn_failed, error.code(), error.what()));
    }
    if (std::error_code error = pipe_.open())
      return fail_soon(failure(end_reason::spawn_failed, error, shown() + ": pipe for ssh"));
    local_.emplace(shared_->forward_words(where_, pipe_.path(), kind(), forwarded()));
    pipe_.watch();
    open_inner(*local_);
  }

  void signal(int number) override {
    if (stage_ != stage::listening) return;
    signal_ = number;
    refusing_transport::signal(number == SIGKILL ? SIGKILL : SIGTERM);
  }

  void close() override {
    if (stage_ >= stage::closing) return;
    stage_ = stage::closing;
    home().disarm(wait_);
    refusing_transport::close();
  }

  bool tells_before_start() const noexcept override { return true; }
  bool knows_host() const noexcept override {
    return !shared_->ignores_host_keys && !log_.took_any_key();
  }
  pid_t pid() const noexcept override { return 0; }
  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("forward of " + state_->plan.text() + " over ssh to " + shown());
  }

 private:
  // fresh -> live -> listening -> ended -> over -> closing -> closed -> reported: ssh is to be
  // started; it was; it listens; it has ended, and its last words are waited for; no event follows
  // but the last one; ssh is given up; it is gone; the last event was sent. Each may be left out.
  enum class stage : std::uint8_t {
    fresh,
    live,
    listening,
    ended,
    over,
    closing,
    closed,
    reported
  };

  std::string shown() const { return printable(where_.name()); }
  bool is_far() const noexcept { return state_->plan.side == forward_side::far; }
  bool is_over() const noexcept { return stage_ >= stage::over; }

  // -- its words ----------------------------------------------------------------------------------
  // ssh has no port 0 here: another program may take this one first.
  void choose_port() {
    if (is_far() || here_.is_path() || here_.port() != 0) return;
    here_ = here_.with_port(free_ports().next());
  }

  std::string kind() const {
    if (is_far()) return "-R";
    return state_->plan.there ? "-L" : "-D";
  }
  std::string forwarded() const {
    std::string text = field_of(here_);
    // ssh would listen on [::1], too.
    if (!is_far() && here_.host() == "localhost")
      text = "127.0.0.1:" + std::to_string(here_.port());
    return state_->plan.there ? text + ":" + field_of(*state_->plan.there) : text;
  }

  // -- the log ------------------------------------------------------------------------------------
  void read_log() {
    pipe_.read_into(log_);
    follow_log();
  }

  void follow_log() {
    if (stage_ != stage::live) return;
    if (phase_ < log_.reached()) {
      phase_ = log_.reached();
      owner().on_phase(phase_);
    }
    if (stage_ == stage::live && listens()) begin_to_listen();
  }

  bool listens() const noexcept {
    if (!is_far()) return log_.listening().here();
    const bool needs_port = !here_.is_path() && here_.port() == 0;
    return log_.listening().there() && (!needs_port || log_.listening().chosen_port() != 0);
  }

  void begin_to_listen() {
    stage_ = stage::listening;
    if (is_far() && !here_.is_path() && here_.port() == 0)
      here_ = here_.with_port(log_.listening().chosen_port());
    // One that is gone already leaves nothing to remove.
    if (!is_far() && here_.is_path())
      contain([this] { path_ = socket_path(here_.path()); }, [](const std::exception_ptr&) {});
    state_->listens(here_);
    notifies_ = true;
    home().defer(step_);
    owner().on_phase(phase::run);
    for (stream which : {stream::out, stream::err})
      if (stage_ == stage::listening) owner().on_eof(which);
  }

  void notify() {
    notifies_ = false;
    state_->notify_waiters();
    finish();
  }

  // -- events of the local child ------------------------------------------------------------------
  void on_phase(phase) override {
    if (stage_ != stage::fresh) return;
    stage_ = stage::live;
    owner().on_phase(phase::resolve);
    follow_log();
  }

  void on_output(stream which, std::span<const char> bytes) override {
    if (which == stream::out) return;
    words_.append(bytes.data(), bytes.size());
    if (words_.size() > max_last_words) words_.erase(0, words_.size() - max_last_words);
  }

  void on_eof(stream) override {
    ++eofs_;
    if (stage_ == stage::ended && eofs_ == 2) fail_now();
  }

  void on_exit(exit_status status) override {
    read_log();
    if (is_over()) return;
    if (signal_ != 0) {
      stage_ = stage::over;
      return owner().on_exit(exit_status::of_signal(signal_));
    }
    stage_ = stage::ended;
    ended_ = status;
    if (eofs_ == 2) return fail_now();
    home().arm_after(wait_, last_words_wait);
  }

  void fail_now() {
    home().disarm(wait_);
    read_log();
    stage_ = stage::over;
    owner().on_failed(why());
  }

  failure why() const {
    const std::string at = here_.to_string();
    if (!log_.listening().problem().empty())
      return failure(end_reason::spawn_failed, log_.listen_error(), "listen on " + at);
    if (log_.listening().refused())
      return failure(end_reason::connect_failed, {},
                     shown() + ": the server does not listen on " + at +
                         (here_.is_path() ? ": the path is taken there, or its "
                                            "AllowStreamLocalForwarding forbids it"
                                          : ": the port is taken there, or its AllowTcpForwarding "
                                            "or PermitListen forbids it"));
    if (!ended_.signal()) return log_.describe(words_);
    return failure(state_->listening() ? end_reason::connection_lost : end_reason::connect_failed,
                   {}, shown() + ": ssh itself was ended by " + ended_.to_string());
  }

  void on_failed(failure why) override {
    if (is_over()) return;
    stage_ = stage::over;
    why.context.insert(0, shown() + ": ");
    owner().on_failed(std::move(why));
  }

  // -- the end ------------------------------------------------------------------------------------
  void on_closed(end_report) override {
    stage_ = stage::closed;
    pipe_.close();
    finish();
  }

  void finish() {
    if (stage_ != stage::closed || notifies_ || !pipe_.is_idle()) return;
    stage_ = stage::reported;
    path_.remove();
    owner().on_closed(complete({}));
  }

  end_report complete(end_report found) override {
    found.transport = transport_kind::openssh;
    found.connection = log_.tried() ? connection_use::made : connection_use::none;
    found.reason = log_.reason_so_far();
    return found;
  }

  const std::shared_ptr<const openssh_setup> shared_;
  const host where_;
  const std::shared_ptr<forward_state> state_;
  forward_endpoint here_;  // with the port that was chosen
  openssh_log log_;
  openssh_log_pipe pipe_;
  deadline_timer wait_;
  queue_node step_;
  std::optional<command> local_;
  socket_path path_;  // that ssh has made
  std::string words_;
  exit_status ended_;
  phase phase_ = phase::resolve;
  int eofs_ = 0;
  int signal_ = 0;  // that is to end it
  stage stage_ = stage::fresh;
  bool notifies_ = false;  // a step is to come
};

// In a path ssh replaces variables, and there is no way to say that it is none.
void check_path(const forward_endpoint& end) {
  if (end.path().find("${") == std::string::npos) return;
  throw std::invalid_argument("port_forward: the program ssh would replace a variable in '" +
                              printable(end.path()) + "'");
}

}  // namespace

void check_openssh_forward(const forward_plan& plan) {
  check_path(plan.here);
  if (plan.there) check_path(*plan.there);
}

std::unique_ptr<transport> make_openssh_forward(loop& on,
                                                std::shared_ptr<const openssh_setup> shared,
                                                const host& where,
                                                std::shared_ptr<forward_state> what) {
  const std::optional<unsigned> tries = shared->max_retries;
  return make_openssh_retries(on, tries,
                              [&on, shared = std::move(shared), where, what = std::move(what)] {
                                return std::make_unique<openssh_forward>(on, shared, where, what);
                              });
}

}  // namespace execo::detail
