// What put() and get() of one host over SFTP share: a peer that is the SFTP subsystem of its
// server, a session with it, and the coroutine that copies.
//
//   state    meaning                                            leaves by
//   idle     not started                                        start: reaching
//   reaching the subsystem is on its way                        it runs: working
//   working  the coroutine copies                               its end: clearing; stop: undoing
//   clearing what became of the copy is known, and what has no
//            name there is removed                              all of that: leaving
//   undoing  the same after a stop                              all of that: left
//   leaving  the server is to end                               the peer's end: ended
//   left     the same after a stop                              the peer's end: ended
//   ended    the result is final
//
// From each state the end of the peer leads to ended.
#pragma once

#include <memory>
#include <string>

#include "execo/task.hpp"
#include "transfer/copy_execution.hpp"
#include "transfer/sftp_client.hpp"

namespace execo::detail {

class sftp_copy : public copy_execution {
 public:
  void cancel(int signal) noexcept final;
  void kill(int signal) noexcept final;
  bool ended() const noexcept final { return state_ == state::ended; }
  bool was_greeted() const noexcept final { return client_.was_greeted(); }

 protected:
  sftp_copy(loop& on, intrusive_ptr<lifecycle> peer, copy_share& shared);
  ~sftp_copy() override;

  /// All of it. Called once the server can be asked.
  virtual task<copy_failure> copy() = 0;
  /// Removes over there what has no name yet.
  virtual task<void> clean_up() = 0;
  /// The coroutine is over, and the peer as well.
  virtual void drop_files() noexcept = 0;

  sftp_client& server() noexcept { return client_; }
  /// Why a copy goes no further that did not fail itself.
  copy_failure stopped_failure() const;
  /// What a path of the user's is to the server: it begins at the home directory.
  static std::string path_there(const std::string& given);
  /// `folder/name`.
  static std::string join(const std::string& folder, std::string_view name);
  /// Those of `path`, links followed or not.
  static sftp_request about(sftp_request_type how, const std::string& path);
  /// As failure_of_sftp(), and what a general failure has to do with: a full file system, one that
  /// is read-only. `near`: a path on it that is there.
  task<copy_failure> explained(sftp_answer status, std::string step, std::string path,
                               std::string near);

 private:
  enum class state : std::uint8_t {
    idle,
    reaching,
    working,
    clearing,
    undoing,
    leaving,
    left,
    ended,
  };
  class routine;

  void on_start() final;
  void on_begun() final;
  void on_answer(std::span<const char> bytes) final;
  bool knows_outcome() const noexcept final {
    return state_ == state::clearing || state_ == state::leaving;
  }
  copy_failure judged() final;
  void let_go() noexcept final;
  /// Its bytes are expected.
  virtual void expect() {}
  virtual void on_turn() noexcept { client_.notify(); }
  void turn() noexcept { on_turn(); }

  static routine run(intrusive_ptr<sftp_copy> self);
  task<copy_failure> greet_and_copy();
  void stop() noexcept;
  void settle(copy_failure failed) noexcept;
  void finish() noexcept;
  void give_up() noexcept;
  void unanswered() noexcept;

  sftp_client client_;
  deadline_timer wait_;  // for the first answer, and for the end of a server that was told to end
  state state_ = state::idle;
};

}  // namespace execo::detail
