#include "fleet/command.hpp"

#include <libssh/server.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <system_error>

#include "fleet/canned.hpp"
#include "fleet/host_table.hpp"
#include "fleet/keeper_wire.hpp"
#include "fleet/server.hpp"
#include "fleet/session.hpp"
#include "fleet/stdio_ends.hpp"

namespace execo::fleet {

namespace {

// The usual size of a pipe: more would only wait in libssh.
constexpr std::size_t usual_waiting = 64 * 1024;
// The status of shells for a command that is found but cannot be started.
constexpr int cannot_begin = 126;

}  // namespace

command::command(session& owner, ssh_channel channel)
    : session_(owner),
      channel_(channel),
      delay_(delegate<>::to<&command::on_delay_over>(this)),
      pace_(delegate<>::to<&command::on_pace>(this)) {
  set_callbacks(owner.host_fault().answers_exec());
}

// The channel belongs to the libssh session, which may be gone already: only finish() frees it.
command::~command() {
  if (process_ != 0) session_.owner().commands_keeper()->forget(process_);
}

bool command::accept(const char* text) {
  if (stage_ != stage::opened) return false;
  shell_ = text == nullptr;
  if (text != nullptr) text_ = text;
  ++session_.owner().stats().commands;
  if (session_.host_fault().says_goodbye()) session_.gather_segments();
  stage_ = stage::delayed;
  session_.owner().loop().arm(delay_, session_.owner().settings().latency);
  return true;
}

void command::on_delay_over() {
  if (stage_ == stage::delayed) {
    begin();
  } else if (stage_ == stage::running) {
    end_with({false, 0});  // a canned sleep is over
  }
  wake();
}

void command::on_pace() {
  pausing_ = false;
  wake();
}

void command::wake() { session_.pump_soon(); }

void command::begin() {
  stage_ = stage::running;
  if (session_.owner().settings().exec == exec_mode::canned) {
    begin_canned();
  } else {
    begin_process();
  }
  const fault& f = session_.host_fault();
  if (f.kind == fault_kind::slow_output) {
    pausing_ = true;
    session_.owner().loop().arm(pace_, f.pace);
  }
}

void command::begin_canned() {
  canned_answer a = answer(text_, address_text(session_.ends().local));
  in_.close();
  out_.set_text(std::move(a.out));
  if (a.runs.count() > 0) {
    session_.owner().loop().arm(delay_, a.runs);
  } else {
    end_with({false, a.code});
  }
}

void command::begin_process() {
  if (text_.size() > max_command) return fail_to_begin(E2BIG);
  reactor& loop = session_.owner().loop();
  auto changed = delegate<>::to<&command::wake>(this);
  try {
    stdio_ends ends = terminal_ ? make_terminal(*terminal_) : make_pipes();
    in_.attach(loop, std::move(ends.in), changed);
    out_.attach(loop, std::move(ends.out), changed);
    if (ends.err) err_.attach(loop, std::move(ends.err), changed);
    spawn_request request;
    request.command = text_;
    request.shell = shell_;
    request.on_terminal = terminal_.has_value();
    request.environment = environment();
    request.in = std::move(ends.child_in);
    request.out = std::move(ends.child_out);
    request.err = std::move(ends.child_err);
    process_ = session_.owner().commands_keeper()->spawn(std::move(request), *this);
  } catch (const std::system_error& e) {
    fail_to_begin(e.code().value());
  }
}

void command::fail_to_begin(int error) {
  in_.close();
  out_.abandon();
  err_.abandon();
  err_.set_text(std::string("execo-fleet: cannot start the command: ") + std::strerror(error) +
                "\n");
  end_with({false, cannot_begin});
}

std::vector<std::string> command::environment() const {
  const endpoints& e = session_.ends();
  std::string host = address_text(e.local), peer = address_text(e.peer);
  std::string ports = std::to_string(e.peer_port) + " " + std::to_string(e.local_port);
  std::vector<std::string> variables = requested_environment_;
  variables.push_back("FLEET_HOST=" + host);
  variables.push_back("SSH_CLIENT=" + peer + " " + ports);
  variables.push_back("SSH_CONNECTION=" + peer + " " + std::to_string(e.peer_port) + " " + host +
                      " " + std::to_string(e.local_port));
  return variables;
}

void command::on_signal(int number) {
  if (process_ != 0) {
    session_.owner().commands_keeper()->signal(process_, number);
  } else if (stage_ == stage::delayed || stage_ == stage::running) {
    session_.owner().loop().disarm(delay_);
    end_with({true, number});
  }
}

void command::end_with(end e) {
  const fault& f = session_.host_fault();
  if (f.kind == fault_kind::exit_code) e = {false, f.number};
  if (f.kind == fault_kind::exit_signal) e = {true, f.number};
  end_ = e;
  stage_ = stage::ended;
  in_.close();
  if (terminal_) out_.end_when_empty();
}

void command::process_ended(int wait_status) {
  process_ = 0;
  if (WIFSIGNALED(wait_status)) {
    end_with({true, WTERMSIG(wait_status)});
  } else {
    end_with({false, WEXITSTATUS(wait_status)});
  }
  wake();
}

void command::process_not_begun(int error) {
  process_ = 0;
  fail_to_begin(error);
  wake();
}

bool command::advance() {
  if (stage_ == stage::finished) return false;
  if (client_closed_) {
    finish();
    return true;
  }
  bool moved = in_.pump(channel_);
  if (stage_ != stage::running && stage_ != stage::ended) return moved;
  switch (session_.host_fault().kind) {
    case fault_kind::drop_mid_output:
    case fault_kind::disconnect_run:
      return send_half() || moved;
    case fault_kind::slow_output:
      send_line();
      break;
    default:
      moved = send_output() || moved;
  }
  if (stage_ != stage::ended) return moved;
  // A slow host writes the lines one by one: its command ends with the last.
  bool slow = session_.host_fault().kind == fault_kind::slow_output;
  bool all_sent = out_.drained() && err_.drained();
  if (!end_sent_ && (!slow || all_sent)) send_end();
  if (!out_.drained() || !err_.drained()) return moved;
  finish();
  return true;
}

bool command::send_output() {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  std::size_t sent = 0;
  for (output_stream* stream : {&out_, &err_}) {
    if (session_.congested()) break;
    stream->fill(usual_waiting);
    sent += stream->send(channel_, all);
  }
  return sent > 0;
}

/// The first half of each stream, or of what has come so far when one of them is full.
bool command::send_half() {
  if (!half_out_) {
    out_.fill(output_limit);
    err_.fill(output_limit);
    bool full = out_.waiting() >= output_limit || err_.waiting() >= output_limit;
    bool complete = stage_ == stage::ended && out_.ended() && err_.ended();
    if (!full && !complete) return false;
    half_out_ = out_.waiting() / 2;
    half_err_ = err_.waiting() / 2;
  }
  std::size_t sent_out = out_.send(channel_, *half_out_);
  std::size_t sent_err = err_.send(channel_, *half_err_);
  *half_out_ -= sent_out;
  *half_err_ -= sent_err;
  if (*half_out_ == 0 && *half_err_ == 0) session_.drop_when_flushed();
  return sent_out + sent_err > 0;
}

void command::send_line() {
  out_.fill(output_limit);
  err_.fill(output_limit);
  output_stream& stream = out_.waiting() > 0 ? out_ : err_;
  if (pausing_ || stream.waiting() == 0 || session_.congested()) return;
  // A line that exceeds the window continues at the next tick.
  (void)stream.send(channel_, stream.first_line());
  pausing_ = true;
  session_.owner().loop().arm(pace_, session_.host_fault().pace);
}

void command::send_end() {
  end_sent_ = true;
  // A failure to send means a lost connection, which the session sees by itself.
  if (end_->by_signal) {
    (void)ssh_channel_request_send_exit_signal(channel_, signal_name(end_->number).c_str(), 0, "",
                                               "");
  } else {
    (void)ssh_channel_request_send_exit_status(channel_, end_->number);
  }
}

void command::finish() {
  stage_ = stage::finished;
  session_.owner().loop().disarm(delay_);
  session_.owner().loop().disarm(pace_);
  in_.close();
  out_.abandon();
  err_.abandon();
  (void)ssh_channel_send_eof(channel_);  // as in send_end
  // Sends our close; libssh keeps the channel, callbacks and all, until the client's.
  (void)ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
  if (session_.host_fault().kind == fault_kind::disconnect_end) session_.drop_when_flushed();
}

}  // namespace execo::fleet
