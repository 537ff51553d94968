#include "transfer/sftp_copy.hpp"

#include <errno.h>

#include <array>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

// A host that runs something else in place of the subsystem may read what it is sent, and wait.
constexpr auto max_greeting_time = std::chrono::seconds(60);
// Servers end with their input; one that does not has still done all that it was asked.
constexpr auto max_end_time = std::chrono::seconds(5);

}  // namespace

/// The coroutine of a copy, which nothing awaits.
class sftp_copy::routine {
 public:
  class promise_type {
   public:
    explicit promise_type(const intrusive_ptr<sftp_copy>& self) noexcept : home_(self->home()) {}
    routine get_return_object() const noexcept { return routine(); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
    env execo_env() const noexcept {
      env own;
      own.affinity = &home_;
      return own;
    }

   private:
    loop& home_;
  };
};

sftp_copy::sftp_copy(loop& on, intrusive_ptr<lifecycle> peer, copy_share& shared)
    : copy_execution(on, peer, shared, {}, delegate<>::to<&sftp_copy::turn>(this)),
      client_(*peer),
      wait_(delegate<>::to<&sftp_copy::unanswered>(this), "answer of an SFTP server") {}

sftp_copy::~sftp_copy() = default;

void sftp_copy::on_start() {
  assert(state_ == state::idle);
  state_ = state::reaching;
  expect();
}

void sftp_copy::on_begun() {
  state_ = state::working;
  home().arm_after(wait_, max_greeting_time);
  contain(
      [this] {
        client_.begin();
        (void)run(intrusive_ptr<sftp_copy>(this));
      },
      [this](const std::exception_ptr& error) {
        failed_ = failure_of(error);
        give_up();
      });
}

// Nothing lets an exception out of it.
sftp_copy::routine sftp_copy::run(intrusive_ptr<sftp_copy> self) {
  copy_failure failed;
  try {
    copy_failure found = co_await self->greet_and_copy();
    failed = std::move(found);
  } catch (...) {
    contain([&] { failed = failure_of(std::current_exception()); },
            [](const std::exception_ptr&) {});
  }
  self->settle(std::move(failed));
  self->client_.go_on();
  try {
    co_await self->clean_up();
  } catch (...) {
    // What is left there stays.
  }
  self->finish();
}

task<copy_failure> sftp_copy::greet_and_copy() {
  co_await client_.greeted();
  home().disarm(wait_);
  if (!client_.goes_on()) co_return stopped_failure();
  copy_failure failed = co_await copy();
  co_return failed;
}

copy_failure sftp_copy::stopped_failure() const {
  if (!client_.is_lost()) return copy_failure::of_errno(ECANCELED, "the copy was ended");
  return copy_failure::of_errno(EPIPE, "the SFTP server ended before the copy was whole");
}

void sftp_copy::on_answer(std::span<const char> bytes) {
  // The peer may have a deadline.
  if (peer().state() == run_state::stopping) stop();
  copy_failure failed = client_.feed(bytes);
  if (!failed || state_ >= state::leaving) return;
  if (!failed_) failed_ = std::move(failed);
  give_up();
}

void sftp_copy::cancel(int signal) noexcept {
  stop();
  peer().cancel(signal);
}

void sftp_copy::kill(int signal) noexcept {
  stop();
  peer().kill(signal);
}

void sftp_copy::stop() noexcept {
  if (state_ != state::working) return;
  state_ = state::undoing;
  client_.interrupt();
}

// There is no more to be said to such a server.
void sftp_copy::give_up() noexcept {
  client_.lose();
  peer().cancel(by_policy);
  peer().input().end_writing();
}

void sftp_copy::unanswered() noexcept {
  if (state_ == state::leaving || state_ == state::left) return peer().cancel(by_policy);
  contain(
      [this] {
        if (!failed_)
          failed_ = copy_failure(std::make_error_code(std::errc::timed_out),
                                 "the SFTP server of the host did not answer");
      },
      [](const std::exception_ptr&) {});
  give_up();
}

// What a server did that ended before that is not known.
void sftp_copy::settle(copy_failure failed) noexcept {
  if (state_ != state::working || client_.is_lost()) return;
  state_ = state::clearing;
  if (!failed_) failed_ = std::move(failed);
}

// The end of its input ends the server.
void sftp_copy::finish() noexcept {
  if (state_ == state::ended) return;
  state_ = state_ == state::clearing ? state::leaving : state::left;
  peer().input().end_writing();
  home().arm_after(wait_, max_end_time);
}

copy_failure sftp_copy::judged() {
  if (knows_outcome()) return {};
  copy_failure found = stopped_failure();
  if (state_ == state::left && !client_.is_lost()) return found;
  client_.lose();
  std::string said = failure_of_tool(peer_result().err).context;
  found = stopped_failure();
  if (!client_.was_greeted())
    found = copy_failure(std::make_error_code(std::errc::protocol_error),
                         "the host did not answer as an SFTP server");
  if (!said.empty()) found.context += ": " + said;
  return found;
}

void sftp_copy::let_go() noexcept {
  home().disarm(wait_);
  client_.lose();
  drop_files();
  state_ = state::ended;
}

// -- for both ------------------------------------------------------------------------------------

std::string sftp_copy::path_there(const std::string& given) {
  std::string path = given;
  if (path == "~") path = ".";
  if (path.starts_with("~/")) path.erase(0, 2);
  return path.empty() ? "./" : path;
}

std::string sftp_copy::join(const std::string& folder, std::string_view name) {
  return folder + (folder.ends_with('/') ? "" : "/") + std::string(name);
}

sftp_request sftp_copy::about(sftp_request_type how, const std::string& path) {
  sftp_request made(how);
  made.text(path);
  return made;
}

// Version 3 has one word for all that it has no word for.
task<copy_failure> sftp_copy::explained(sftp_answer status, std::string step, std::string path,
                                        std::string near) {
  copy_failure found = failure_of_sftp(status, step, path);
  bool is_general = status.is(sftp_answer::kind::status) && status.status == sftp_status::failure;
  if (!is_general || !client_.extensions().knows_room) co_return found;
  sftp_request question(sftp_request_type::extended);
  question.text("statvfs@openssh.com").text(near);
  sftp_answer answer = co_await client_.call(std::move(question));
  if (!answer.is(sftp_answer::kind::extended)) co_return found;
  // The fields of statvfs(3), 64 bits each.
  constexpr std::size_t available_at = 4;
  constexpr std::size_t inodes_at = 5;
  constexpr std::size_t free_inodes_at = 7;
  constexpr std::size_t flags_at = 9;
  std::array<std::uint64_t, flags_at + 1> fields{};
  ssh_reader reader(answer.text);
  for (std::uint64_t& field : fields) {
    const std::uint64_t high = reader.number();
    field = high << 32U | reader.number();
  }
  if (reader.failed()) co_return found;
  // A file system that does not count inodes, such as btrfs, has none, and none of them free.
  const bool lacks_inodes = fields[inodes_at] > 0 && fields[free_inodes_at] == 0;
  const bool is_full = fields[available_at] == 0 || lacks_inodes;
  const bool is_read_only = (fields[flags_at] & 1U) != 0;
  if (is_read_only) co_return copy_failure::of_errno(EROFS, step + " " + shown_path(path));
  if (is_full) co_return copy_failure::of_errno(ENOSPC, step + " " + shown_path(path));
  co_return found;
}

}  // namespace execo::detail
