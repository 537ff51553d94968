#include "ssh/remote_channel.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace execo::detail {
namespace {

// Bytes of input that wait in libssh's output buffer at most: it takes whatever the remote window
// allows, megabytes, whether the socket can send them or not.
constexpr std::size_t max_unsent = 32 * 1024;
// What is kept of paused streams.
constexpr std::size_t max_held_back = 64 * 1024;

std::size_t index(stream which) noexcept { return which == stream::out ? 0 : 1; }

}  // namespace

void remote_channel::open(std::string command) {
  assert(stage_ == stage::idle && session_.authenticated());
  command_ = std::move(command);
  stage_ = stage::opening;
  session_.attach(*this);
  session_.wake();
}

void remote_channel::ask_for_terminal(std::string name, int columns, int rows) {
  assert(stage_ == stage::idle);
  terminal_ = std::move(name);
  columns_ = columns;
  rows_ = rows;
}

void remote_channel::write(std::span<const char> bytes) {
  input_ = bytes;
  session_.wake();
}

void remote_channel::close_input() {
  if (input_stage_ == input::open) input_stage_ = input::ends;
  session_.wake();
}

void remote_channel::send_signal(std::string name) {
  signals_.push_back(std::move(name));
  session_.wake();
}

void remote_channel::pause(stream which, bool paused) {
  paused_[index(which)] = paused;
  if (!paused) session_.wake();
}

void remote_channel::abandon() noexcept {
  channel_ = nullptr;
  stage_ = stage::over;
}

// A stream that is paused costs 64 KiB at most: then the connection is not read any more. The ssh
// window does not bound it: libssh opens it again when the other stream is read (channel_rcv_data).
void remote_channel::check_held() {
  if (stage_ != stage::over)
    session_.hold_input(kept_[0].size() + kept_[1].size() >= max_held_back);
}

void remote_channel::advance() {
  if (stage_ == stage::opening) open_channel();
  if (stage_ == stage::preparing) request_terminal();
  if (stage_ == stage::requesting) request_command();
  if (stage_ == stage::running && !session_.lost()) transfer();
  if (seen_ == sent::close && before_answer()) end_unanswered();
  if (broken_) std::rethrow_exception(std::exchange(broken_, nullptr));
  report();
  if (stage_ >= stage::retiring && stage_ <= stage::retired) return close_our_end();
  if (delivered_ == sent::close && !session_.closing()) release();
}

void remote_channel::retire() {
  assert(stage_ >= stage::running);
  if (stage_ != stage::running) return;
  stage_ = stage::retiring;
  input_ = {};
  for (std::string& kept : kept_) kept.clear();
  session_.hold_input(false);
  session_.wake();
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
  unlink();
}

void remote_channel::open_channel() {
  if (channel_ == nullptr && !make_channel()) return refuse("no memory for a channel");
  int r = ssh_channel_open_session(channel_);
  if (r == SSH_AGAIN || session_.lost()) return;
  if (r != SSH_OK) return refuse("the server opens no channel for a command");
  stage_ = terminal_.empty() ? stage::requesting : stage::preparing;
}

void remote_channel::request_terminal() {
  int r = ssh_channel_request_pty_size(channel_, terminal_.c_str(), columns_, rows_);
  if (r == SSH_AGAIN || session_.lost() || stage_ != stage::preparing) return;
  if (r != SSH_OK) return refuse("the server gives no terminal");
  stage_ = stage::requesting;
}

void remote_channel::request_command() {
  bool first = !std::exchange(requested_, true);
  if (first) requested_at_ = session_.shared().home.now();
  int r = ssh_channel_request_exec(channel_, command_.c_str());
  if (stage_ != stage::requesting) return;
  if (r == SSH_OK) return started();
  if (session_.lost()) return;
  // The end of an empty input need not wait for the answer.
  if (r == SSH_AGAIN && first) transfer();
  if (r != SSH_AGAIN) refuse("the server does not run commands");
}

void remote_channel::started() {
  stage_ = stage::running;
  command_.clear();
  command_.shrink_to_fit();
  owner_->channel_started();
}

void remote_channel::refuse(const char* what) {
  stage_ = stage::over;
  delivered_ = sent::close;
  owner_->channel_refused(what);
}

// A server that closes the channel instead of answering.
void remote_channel::end_unanswered() {
  if (!requested_) return refuse("the server closed the channel");
  stage_ = stage::over;
  delivered_ = sent::close;
  owner_->channel_closed();
}

void remote_channel::transfer() {
  for (const std::string& name : signals_)
    (void)ssh_channel_request_send_signal(channel_, name.c_str());  // no answer is asked for
  signals_.clear();
  if (stage_ == stage::running) {
    constexpr int max_rounds = 16;
    int round = 0;
    while (round < max_rounds && write_some()) ++round;
    if (round == max_rounds) session_.wake();
  }
  if (input_stage_ == input::ends && input_.empty() && unflushed_ == 0) {
    input_stage_ = input::ended;
    (void)ssh_channel_send_eof(channel_);  // lost() tells if that failed
  }
}

// True when there may be more to write at once.
bool remote_channel::write_some() {
  if (!session_.flushed()) return false;
  if (unflushed_ > 0) {
    std::size_t count = std::exchange(unflushed_, 0);
    owner_->channel_written(count);
  }
  if (input_.empty() || session_.input_held()) return false;
  std::size_t count =
      std::min<std::size_t>({input_.size(), ssh_channel_window_size(channel_), max_unsent});
  if (count == 0) return false;
  int r = ssh_channel_write(channel_, input_.data(), static_cast<std::uint32_t>(count));
  // 0: keys are being exchanged again. An error: the command reads no more; that is its right.
  if (r == 0) return false;
  input_ = {};
  if (r < 0) return false;
  unflushed_ = static_cast<std::size_t>(r);
  return true;
}

// Delivers what libssh reported since the last time, in the order of the wire.
void remote_channel::report() {
  if (stage_ != stage::running) return;
  for (stream which : {stream::out, stream::err}) {
    std::string& kept = kept_[index(which)];
    if (kept.empty() || paused_[index(which)]) continue;
    std::string bytes = std::move(kept);
    kept.clear();
    owner_->channel_data(which, bytes);
  }
  check_held();
  if (early_status_) owner_->channel_exit(*std::exchange(early_status_, std::nullopt));
  if (!kept_[0].empty() || !kept_[1].empty()) return;
  if (seen_ >= sent::eof && delivered_ == sent::data) {
    delivered_ = sent::eof;
    owner_->channel_eof();
  }
  if (stage_ == stage::running && seen_ == sent::close && delivered_ == sent::eof) {
    delivered_ = sent::close;
    owner_->channel_closed();
  }
}

void remote_channel::give_out() {
  for (stream which : {stream::out, stream::err}) {
    std::string bytes = std::exchange(kept_[index(which)], {});
    if (!bytes.empty()) owner_->channel_data(which, bytes);
  }
}

void remote_channel::on_data(stream which, std::span<const char> bytes) {
  // No command of ours has written that, or none whose output is wanted.
  if ((before_answer() && !requested_) || stage_ > stage::running) return;
  std::string& kept = kept_[index(which)];
  if (before_answer() || paused_[index(which)] || !kept.empty()) {
    kept.append(bytes.data(), bytes.size());
    check_held();
  } else {
    owner_->channel_data(which, bytes);
  }
}

// libssh may read the answer and what comes behind it in one call, so that the end of a command is
// seen while the answer is not; but without an answer it is not believed.
void remote_channel::on_status(const exit_status& status) {
  if (!before_answer()) return owner_->channel_exit(status);
  if (requested_ && !early_status_) early_status_ = status;
}

bool remote_channel::make_channel() {
  channel_ = ssh_channel_new(session_.handle());
  if (channel_ == nullptr) return false;
  callbacks_.userdata = this;
  callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* bytes, std::uint32_t size,
                                        int is_error, void* self) noexcept -> int {
    auto* channel = static_cast<remote_channel*>(self);
    channel->under_libssh([=] {
      channel->on_data(is_error != 0 ? stream::err : stream::out,
                       std::span<const char>(static_cast<const char*>(bytes), size));
    });
    return static_cast<int>(size);
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
