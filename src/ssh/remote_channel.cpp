#include "ssh/remote_channel.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

namespace execo::detail {
namespace {

// Bytes of input that wait in libssh's output buffer at most: it takes whatever the remote window
// allows, megabytes, whether the socket can send them or not.
constexpr std::size_t max_unsent = 32 * 1024;
// What a paused channel keeps before the connection is not read any more.
constexpr std::size_t max_held_back = 64 * 1024;
// The same where others use the connection, too. Bytes beyond those of a channel alone are left in
// libssh's buffer as well, which keeps it from opening the channel's window again: of a channel
// that is not read come 1.28 MB at most (WINDOWBASE in libssh 0.10; there is no call to make that
// less). More can only come when the other stream of the channel is read.
constexpr std::size_t max_held_beside_others = 1'408 * 1024;
// What all channels of an environment may keep so; beyond it memory counts more than speed.
constexpr std::size_t max_held_in_all = 64 * 1024 * 1024;

}  // namespace

remote_channel::remote_channel(remote_session& session, channel_owner& owner)
    : session_(session), owner_(&owner), kept_(session.shared().held_back) {}

remote_channel::~remote_channel() { assert(!linked() && !holds_); }

void remote_channel::open() {
  assert(stage_ == stage::idle && session_.authenticated());
  stage_ = stage::opening;
  session_.attach(*this);
}

void remote_channel::run(std::string command) {
  assert(stage_ >= stage::opening && stage_ <= stage::reserved && !has_command() && is_heard());
  request_->command = std::move(command);
  if (stage_ == stage::reserved && !linked()) session_.attach(*this);
  touch();
}

void remote_channel::run_subsystem(std::string name) {
  request_->is_subsystem = true;
  run(std::move(name));
}

void remote_channel::mark_with(std::string value) {
  assert(!has_command());
  request_->mark = std::move(value);
}

void remote_channel::send_variables() {
  assert(!has_command());
  request_->next_variable = 0;
}

void remote_channel::ask_for_terminal(std::string name, int columns, int rows) {
  assert(!has_command());
  request_->terminal = std::move(name);
  request_->columns = columns;
  request_->rows = rows;
}

void remote_channel::write(std::span<const char> bytes) {
  input_ = bytes;
  touch();
}

void remote_channel::close_input() {
  if (input_stage_ == input::open) input_stage_ = input::ends;
  touch();
}

void remote_channel::send_signal(std::string name) {
  signals_.push_back(std::move(name));
  touch();
}

void remote_channel::pause(stream which, bool paused) {
  kept_.pause(which, paused);
  if (!paused) touch();
}

void remote_channel::abandon() noexcept {
  channel_ = nullptr;
  stage_ = stage::over;
  holds_ = false;
  paced_.reset();
}

void remote_channel::leave_session() noexcept {
  paced_.reset();
  if (std::exchange(holds_, false)) session_.release_input();
  if (linked()) session_.detach(*this);
}

// The ssh window does not bound what is kept: libssh opens it again when the other stream is read.
void remote_channel::check_held() noexcept {
  bool bounded = session_.is_unshared() || kept_.total() > max_held_in_all;
  bool full = kept_.size() >= (bounded ? max_held_back : max_held_beside_others);
  if (stage_ == stage::over || full == holds_) return;
  holds_ = full;
  if (full) {
    session_.hold_input();
  } else {
    session_.release_input();
  }
}

session_member::need remote_channel::advance() {
  if (broken_) std::rethrow_exception(std::exchange(broken_, nullptr));
  // What libssh reads below may hold an answer in front of the close: that is asked for first.
  const bool was_closed = seen_ == sent::close;
  if (stage_ == stage::opening) open_channel();
  if (stage_ == stage::reserved && has_command()) begin_command();
  if (stage_ == stage::marking) send_mark();
  if (stage_ == stage::naming) send_next_variables();
  if (stage_ == stage::preparing) request_terminal();
  if (stage_ == stage::requesting) request_command();
  if (stage_ == stage::running && !session_.lost()) transfer();
  if (was_closed && before_answer()) end_unanswered();
  if (broken_) std::rethrow_exception(std::exchange(broken_, nullptr));
  report();
  if (stage_ == stage::retiring || stage_ == stage::retired) {
    close_our_end();
  } else if (seen_ == sent::close && delivered_ == sent::close && !session_.closing()) {
    release();
  }
  return goes_on_by_event() ? need::event : need::touch;
}

void remote_channel::broke(const std::exception_ptr& error) {
  bool first = is_heard();
  if (first) wanted_ = wanted::nothing;
  kept_.clear();
  check_held();
  if (first) owner_->channel_broke(error);
}

bool remote_channel::goes_on_by_event() const noexcept {
  return linked() && (pumps() || unflushed_ > 0 || !input_.empty() ||
                      (input_stage_ == input::ends && stage_ == stage::running));
}

void remote_channel::retire() {
  if (wanted_ == wanted::close || stage_ == stage::over) return;
  wanted_ = wanted::close;
  input_ = {};
  kept_.clear();
  check_held();
  if (stage_ == stage::reserved && !linked() && session_.authenticated()) session_.attach(*this);
  if (stage_ == stage::idle) {
    stage_ = stage::over;
  } else if (stage_ != stage::opening) {
    // One that the server has not opened yet has no number there.
    stage_ = stage::retiring;
  }
  touch();
}

void remote_channel::close_our_end() {
  if (session_.lost() || session_.closing()) return;
  if (stage_ == stage::retiring) {
    stage_ = stage::retired;
    (void)ssh_channel_close(channel_);  // lost() says if that failed
  }
  if (seen_ != sent::close) return;
  release();
  owner_->channel_closed();
}

// Answers the server's close. A session that ends with its channel saves itself that.
void remote_channel::release() {
  if (channel_ != nullptr) ssh_channel_free(channel_);
  channel_ = nullptr;
  stage_ = stage::over;
  leave_session();
}

void remote_channel::open_channel() {
  if (channel_ == nullptr && !make_channel())
    return refuse(refusal::channel, "no memory for a channel");
  int r = ssh_channel_open_session(channel_);
  if (r == SSH_AGAIN || session_.lost()) return;
  if (r != SSH_OK) return refuse(refusal::channel, "the server refused to open a channel");
  stage_ = wanted_ == wanted::close ? stage::retiring : stage::reserved;
  // One without a command is no neighbour to the others.
  if (stage_ == stage::reserved && !has_command()) session_.detach(*this);
}

void remote_channel::begin_command() {
  stage_ = request_->mark.empty() ? stage::naming : stage::marking;
}

void remote_channel::send_mark() {
  int r = ssh_channel_request_env(channel_, mark_variable, request_->mark.c_str());
  if (r == SSH_AGAIN || session_.lost() || stage_ != stage::marking) return;
  if (r != SSH_OK)
    return refuse(refusal::mark, "the server refused the variable that marks the command");
  stage_ = stage::naming;
}

// Servers take few of them; as with ssh, that is no error.
void remote_channel::send_next_variables() {
  const auto& variables = session_.shared().settings.variables;
  while (request_->next_variable < variables.size()) {
    const auto& [name, value] = variables[request_->next_variable];
    int r = ssh_channel_request_env(channel_, name.c_str(), value.c_str());
    if (r == SSH_AGAIN || session_.lost() || stage_ != stage::naming) return;
    ++request_->next_variable;
  }
  stage_ = request_->terminal.empty() ? stage::requesting : stage::preparing;
}

void remote_channel::request_terminal() {
  int r = ssh_channel_request_pty_size(channel_, request_->terminal.c_str(), request_->columns,
                                       request_->rows);
  if (r == SSH_AGAIN || session_.lost() || stage_ != stage::preparing) return;
  if (r != SSH_OK) return refuse(refusal::terminal, "the server refused a terminal");
  stage_ = stage::requesting;
}

void remote_channel::request_command() {
  bool first = !std::exchange(requested_, true);
  if (first) requested_at_ = session_.shared().home.now();
  if (first && has_ended_input()) session_.send_together();
  auto* ask = request_->is_subsystem ? &ssh_channel_request_subsystem : &ssh_channel_request_exec;
  int r = ask(channel_, request_->command->c_str());
  if (stage_ != stage::requesting) return;
  if (r == SSH_OK) return started();
  // libssh forgets the answer if the connection's end came in the same read. What a command has
  // written, and its status, show that it was begun.
  if (session_.lost()) return is_answered_by_output() ? started() : void();
  // The end of an empty input need not wait for the answer.
  if (r == SSH_AGAIN && first) transfer();
  if (r != SSH_AGAIN)
    refuse(refusal::command, request_->is_subsystem ? "the server refused the subsystem"
                                                    : "the server refused to run the command");
}

void remote_channel::started() {
  stage_ = stage::running;
  request_.reset();
  if (is_heard()) owner_->channel_started();
}

void remote_channel::refuse(refusal of, const char* what) {
  delivered_ = sent::close;
  if (of == refusal::channel) {
    release();
  } else {
    stage_ = stage::unused;
  }
  if (wanted_ == wanted::close) return owner_->channel_closed();
  if (is_heard()) owner_->channel_refused(of, what);
}

// A server that closes the channel instead of answering.
void remote_channel::end_unanswered() {
  if (!requested_) return refuse(refusal::channel, "the server closed the channel");
  delivered_ = sent::close;
  release();
  if (is_heard()) owner_->channel_closed();
}

void remote_channel::transfer() {
  for (const std::string& name : signals_)
    (void)ssh_channel_request_send_signal(channel_, name.c_str());  // no answer is asked for
  signals_.clear();
  if (stage_ == stage::running) {
    constexpr int max_rounds = 16;
    int round = 0;
    while (round < max_rounds && write_some()) ++round;
    if (round == max_rounds) touch();
  }
  if (has_ended_input() && unflushed_ == 0) {
    input_stage_ = input::ended;
    // Nobody reads it any more when the server has closed the channel.
    if (seen_ != sent::close) (void)ssh_channel_send_eof(channel_);  // lost() reports a failure
  }
}

// True when there may be more to write at once.
bool remote_channel::write_some() {
  if (!session_.flushed()) return false;
  if (unflushed_ > 0) {
    std::size_t count = std::exchange(unflushed_, 0);
    if (is_heard()) owner_->channel_written(count);
  }
  if (input_.empty() || session_.input_held()) return false;
  std::size_t count = std::min<std::size_t>({input_.size(), room_for_input(), max_unsent});
  if (count == 0) return false;
  int r = ssh_channel_write(channel_, input_.data(), static_cast<std::uint32_t>(count));
  // 0: keys are being exchanged again. An error: the command reads no more; that is its right.
  if (r == 0) return false;
  input_ = {};
  if (r < 0) return false;
  unflushed_ = static_cast<std::size_t>(r);
  if (paced_) paced_->pace.wrote(unflushed_, session_.shared().home.now());
  return true;
}

std::size_t remote_channel::room_for_input() {
  std::size_t window = ssh_channel_window_size(channel_);
  if (session_.server() != server_software::openssh) return window;
  if (!paced_) paced_ = std::make_unique<paced_input>(*this);
  loop& home = session_.shared().home;
  std::size_t room = paced_->pace.room(window, home.now());
  if (room > 0 || window == 0) {
    home.disarm(paced_->stall);
  } else if (!paced_->stall.armed()) {
    home.arm_after(paced_->stall, paced_->pace.patience());
  }
  return room;
}

void remote_channel::no_credit_came() {
  paced_->pace.widen();
  touch();
}

// Delivers what libssh reported since the last time, in the order of the wire.
void remote_channel::report() {
  if (stage_ != stage::running || !is_heard()) return;
  for (stream which : {stream::out, stream::err})
    if (kept_.has(which) && !kept_.is_paused(which)) deliver(which);
  check_held();
  if (early_status_) owner_->channel_exit(*std::exchange(early_status_, nullptr));
  if (!kept_.empty() || !is_heard()) return;
  if (seen_ >= sent::eof && delivered_ == sent::data) {
    delivered_ = sent::eof;
    owner_->channel_eof();
  }
  if (stage_ == stage::running && seen_ == sent::close && delivered_ == sent::eof) {
    delivered_ = sent::close;
    owner_->channel_closed();
  }
}

void remote_channel::deliver(stream which) {
  drop_doubled(which);
  std::string bytes = kept_.take(which);
  if (is_heard()) owner_->channel_data(which, bytes);
}

// Lets libssh open the window again.
void remote_channel::drop_doubled(stream which) noexcept {
  std::size_t left = kept_.doubled(which);
  while (left > 0 && channel_ != nullptr) {
    std::array<char, 16 * 1024> unwanted;
    auto size = static_cast<std::uint32_t>(std::min(left, unwanted.size()));
    int r =
        ssh_channel_read_nonblocking(channel_, unwanted.data(), size, which == stream::err ? 1 : 0);
    if (r <= 0) break;  // lost() says why
    left -= static_cast<std::size_t>(r);
  }
  kept_.set_doubled(which, 0);
}

void remote_channel::give_out() {
  for (stream which : {stream::out, stream::err})
    if (kept_.has(which)) deliver(which);
}

void remote_channel::see(sent what) noexcept {
  seen_ = std::max(seen_, what);
  touch();
}

// How many of them libssh has no need to keep.
std::size_t remote_channel::on_data(stream which, std::span<const char> buffered) {
  std::size_t known = kept_.doubled(which);
  kept_.set_doubled(which, 0);
  std::span<const char> bytes = buffered.subspan(std::min(known, buffered.size()));
  // No command of ours has written that, or none whose output is wanted.
  if ((before_answer() && !requested_) || stage_ > stage::running || !is_heard())
    return buffered.size();
  if (!before_answer() && !kept_.is_paused(which) && !kept_.has(which)) {
    owner_->channel_data(which, bytes);
    return buffered.size();
  }
  bool closes_window = kept_.size() >= max_held_back && !session_.is_unshared();
  kept_.append(which, bytes);
  check_held();
  touch();
  if (!closes_window) return buffered.size();
  kept_.set_doubled(which, buffered.size());
  return 0;
}

// libssh may read the answer and what comes behind it in one call, so that the end of a command is
// seen while the answer is not; but without an answer it is not believed.
void remote_channel::on_status(const exit_status& status) {
  if (!is_heard()) return;
  if (!before_answer()) return owner_->channel_exit(status);
  if (requested_ && !early_status_) early_status_ = std::make_unique<exit_status>(status);
}

bool remote_channel::make_channel() {
  channel_ = ssh_channel_new(session_.handle());
  if (channel_ == nullptr) return false;
  callbacks_.userdata = this;
  callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* bytes, std::uint32_t size,
                                        int is_error, void* self) noexcept -> int {
    auto* channel = static_cast<remote_channel*>(self);
    std::size_t taken = size;
    channel->under_libssh([&] {
      taken = channel->on_data(is_error != 0 ? stream::err : stream::out,
                               std::span<const char>(static_cast<const char*>(bytes), size));
    });
    return static_cast<int>(taken);
  };
  callbacks_.channel_eof_function = [](ssh_session, ssh_channel, void* self) noexcept {
    static_cast<remote_channel*>(self)->see(sent::eof);
  };
  callbacks_.channel_close_function = [](ssh_session, ssh_channel, void* self) noexcept {
    static_cast<remote_channel*>(self)->see(sent::close);
  };
  callbacks_.channel_exit_status_function = [](ssh_session, ssh_channel, int code,
                                               void* self) noexcept {
    // Codes have 32 bits on the wire; those that an int cannot hold come as negative numbers.
    constexpr int most = std::numeric_limits<int>::max();
    auto* channel = static_cast<remote_channel*>(self);
    channel->under_libssh(
        [=] { channel->on_status(exit_status::of_code(code < 0 ? most : code)); });
  };
  callbacks_.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* signal, int,
                                               const char*, const char*, void* self) noexcept {
    auto* channel = static_cast<remote_channel*>(self);
    channel->under_libssh([=] { channel->on_status(exit_status::of_signal_name(signal)); });
  };
  ssh_callbacks_init(&callbacks_);
  return ssh_set_channel_callbacks(channel_, &callbacks_) == SSH_OK;
}

}  // namespace execo::detail
