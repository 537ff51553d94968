#include "ssh/proxy_route.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "process/local_transport.hpp"
#include "ssh/config_values.hpp"
#include "ssh/greeting.hpp"
#include "ssh/libssh.hpp"
#include "ssh/route_text.hpp"

namespace execo::detail {
namespace {

// Of what it writes to standard error.
constexpr std::size_t max_words_kept = 1024;
constexpr std::size_t max_words_shown = 300;
constexpr std::size_t max_command_shown = 120;

// A proxy that ends a connection ends as well, mostly at once.
constexpr auto own_end = std::chrono::milliseconds(500);
// From HUP to KILL.
constexpr auto hang_up_time = std::chrono::milliseconds(500);

}  // namespace

proxy_route::proxy_route(ssh_environment& shared, const route_target& to, delegate<> wake,
                         delegate<> over)
    : shared_(shared),
      to_(to),
      wake_(wake),
      over_(over),
      shortage_(shared, wake),
      limit_(delegate<>::to<&proxy_route::time_is_up>(this), "end of a proxy command") {}

proxy_route::~proxy_route() = default;

route::progress proxy_route::fail(std::error_code code, const std::string& problem) {
  stage_ = stage::failed;
  ours_.reset();
  theirs_.reset();
  why_ = failure(end_reason::connect_failed, code, to_.name + ": " + problem);
  return progress::failed;
}

std::string proxy_route::label() const {
  return "proxy command `" + peer_text(shared_.proxy_command, max_command_shown) + "`";
}

unique_fd proxy_route::take() {
  shared_.descriptors.opened();
  return std::move(ours_);
}

route::progress proxy_route::connect(bool) {
  if (stage_ == stage::idle && !shortage_.waits()) return begin();
  if (stage_ == stage::failed) return progress::failed;
  return stage_ == stage::running ? progress::done : progress::waiting;
}

// Throws: config_value_error.
std::string proxy_route::command_text() const {
  std::string text = expand_route(shared_.proxy_command, to_);
  std::string objection = shell_objection(to_);
  if (!objection.empty()) throw config_value_error(objection);
  return "exec " + text;
}

bool proxy_route::make_sockets() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
  ours_.reset(ends[0]);
  theirs_.reset(ends[1]);
  // Not those of the program, which may not expect that.
  (void)::fcntl(ours_.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  return theirs_ && suits_libssh(ours_);
}

route::progress proxy_route::begin() {
  std::string text;
  try {
    text = command_text();
  } catch (const config_value_error& error) {
    return fail(std::make_error_code(std::errc::invalid_argument), label() + ": " + error.what());
  }
  if (!make_sockets()) {
    int error = errno;
    bool starved = error == EMFILE || error == ENFILE;
    ours_.reset();
    theirs_.reset();
    if (starved && shortage_.wait()) return progress::waiting;
    return fail({error, std::system_category()}, "sockets for a proxy command");
  }
  std::vector<std::string> words{shared_.caller.shell(), "-c", std::move(text)};
  what_ = std::make_unique<command>(words);
  proxy_ = make_local_transport(shared_.home, shared_.caller.around());
  child_stream to_it;
  to_it.what = child_stream::kind::descriptor;
  to_it.fd = theirs_.get();
  (void)proxy_->redirect(STDIN_FILENO, to_it);
  (void)proxy_->redirect(STDOUT_FILENO, to_it);
  stage_ = stage::starting;
  proxy_->open(*what_, *this);
  return progress::waiting;
}

void proxy_route::on_phase(phase entered) {
  if (entered != phase::run) return;
  theirs_.reset();
  stage_ = stage::running;
  wake_();
}

void proxy_route::on_failed(failure why) {
  (void)fail(why.why, label() + ": " + why.context);
  said_all_ = true;
  ended_ = exit_status();
  wake_();
  look();
}

void proxy_route::on_output(stream which, std::span<const char> bytes) {
  if (which != stream::err) return;
  said_.append(bytes.data(), bytes.size());
  if (said_.size() > 2 * max_words_kept) said_.erase(0, said_.size() - max_words_kept);
}

void proxy_route::on_eof(stream which) {
  said_all_ = said_all_ || which == stream::err;
  look();
}

void proxy_route::on_exit(exit_status status) {
  ended_ = status;
  by_itself_ = end_ < end::asked;
  look();
}

void proxy_route::look() {
  if (end_ != end::open && has_ended()) give_up();
}

void proxy_route::close(ending how) {
  if (is_over()) return;
  if (has_ended()) return give_up();
  if (how == ending::given_up) {
    if (end_ < end::asked) ask_to_end();
  } else if (end_ == end::open) {
    end_ = end::expected;
    shared_.home.arm_after(limit_, own_end);
  }
}

// As ssh does.
void proxy_route::ask_to_end() {
  end_ = end::asked;
  if (stage_ != stage::running) return give_up();
  if (!ended_) proxy_->signal(SIGHUP);
  shared_.home.arm_after(limit_, hang_up_time);
}

void proxy_route::time_is_up() {
  if (end_ == end::expected && !ended_) return ask_to_end();
  give_up();
}

void proxy_route::give_up() {
  if (end_ >= end::given_up) return;
  end_ = end::given_up;
  shared_.home.disarm(limit_);
  proxy_->close();
}

void proxy_route::on_closed(end_report) {
  end_ = end::over;
  over_();
}

std::string proxy_route::last_words() const {
  std::string_view text = said_;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.size() > max_words_shown) {
    text.remove_prefix(text.size() - max_words_shown);
    // From the beginning of a line.
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  std::string shown;
  while (!text.empty()) {
    std::string line = peer_text(text.substr(0, text.find('\n')), max_words_shown);
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    if (!line.empty()) shown += (shown.empty() ? "" : " | ") + line;
  }
  return shown;
}

std::string proxy_route::note() const {
  std::string words = last_words();
  return words.empty() ? words : label() + " said: " + words;
}

void proxy_route::explain(failure& lost) const {
  std::string words = last_words();
  if (by_itself_) {
    // One that ends well has only passed on what the host did.
    lost.is_final = ended_->code() != 0 && !tells_of_turning_away(said_);
    lost.context += "; " + label() + ": " + ended_->to_string();
    if (!words.empty()) lost.context += "; it said: " + words;
  } else if (!words.empty()) {
    lost.context += "; " + note();
  }
}

}  // namespace execo::detail
