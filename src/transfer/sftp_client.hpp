// The client's end of an SFTP session, over the streams of a peer: requests in flight, their
// answers, and the one coroutine that waits for them.
//
//   state     meaning                                  leaves by
//   idle      nothing was sent                         begin: greeting
//   greeting  the server has not said its version      its version: open
//   open      requests are answered                    interrupt: stopped
//   stopped   no request is taken, nothing is awaited  go_on: open
//   lost      there is no answer any more
//
// From each state the end of the peer, and an answer that is none, lead to lost. In stopped and
// lost every wait ends at once.
//
// What is sent is kept until the peer's transport has taken it, and no longer: less than 100 KiB.
// Of what is read, answers that come out of turn are kept, in all as much as may be asked for at a
// time.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "execo/detail/affinity.hpp"
#include "process/lifecycle.hpp"
#include "transfer/copy_failure.hpp"
#include "transfer/sftp_wire.hpp"

namespace execo::detail {

/// Of a file, in one request. Every server takes so much.
inline constexpr std::size_t sftp_piece = std::size_t{32} * 1024;

/// What may be asked of a server beyond version 3, where it announces that.
class sftp_extensions {
 public:
  sftp_extensions() = default;
  bool renames_over = false;  // posix-rename@openssh.com
  bool syncs = false;         // fsync@openssh.com
  bool knows_room = false;    // statvfs@openssh.com
};

/// A part of a file that was asked for.
class sftp_chunk {
 public:
  sftp_chunk() = default;
  std::uint64_t offset = 0;
  std::uint32_t size = 0;  // that was asked for
  std::string bytes;       // fewer only at the end of the file, or before a failure
  std::optional<sftp_answer> end;
  bool is_complete() const noexcept { return end || bytes.size() == size; }
};

class sftp_client {
 public:
  explicit sftp_client(lifecycle& peer) noexcept : peer_(peer) {}
  sftp_client(const sftp_client&) = delete;
  sftp_client& operator=(const sftp_client&) = delete;

  // -- for the owner ----------------------------------------------------------------------------
  /// Pre: the peer runs.
  void begin();
  /// What the server sends. A failure: it is not SFTP.
  copy_failure feed(std::span<const char> bytes);
  /// The peer has ended.
  void lose() noexcept;
  /// What was asked for is not waited for any more, and nothing more is asked for.
  void interrupt() noexcept;
  /// Requests are taken again.
  void go_on() noexcept;
  /// What event() waits for has come.
  void notify() noexcept;
  bool is_lost() const noexcept { return state_ == state::lost; }
  /// The server has answered in SFTP.
  bool was_greeted() const noexcept { return was_greeted_; }

  // -- for the coroutine ------------------------------------------------------------------------
  // One coroutine at a time waits.
  enum class awaited : std::uint8_t { nothing, greeting, answer, room, all, chunk, event };

  class [[nodiscard]] wait : public affine_awaiter {
   public:
    wait(sftp_client& of, awaited what) noexcept : of_(of), what_(what) {}
    bool await_ready() const noexcept { return of_.has(what_); }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { of_.suspend(what_, waiting); }
    void await_resume() const noexcept {}

   protected:
    sftp_client& of_;

   private:
    awaited what_;
  };
  class [[nodiscard]] call_wait : public wait {
   public:
    explicit call_wait(sftp_client& of) noexcept : wait(of, awaited::answer) {}
    sftp_answer await_resume() const { return of_.take_answer(); }
  };

  /// Until the server has said what it can do.
  wait greeted() noexcept { return wait(*this, awaited::greeting); }
  const sftp_extensions& extensions() const noexcept { return extensions_; }

  /// Sends it now; gives the answer. Without one the status is `lost` or `stopped`.
  call_wait call(sftp_request request);
  /// Until one more request fits: write(), post() and ask() may be called then.
  wait room() noexcept { return wait(*this, awaited::room); }
  /// Until all that was sent is answered.
  wait all_answered() noexcept { return wait(*this, awaited::all); }
  /// Until the next notify().
  wait event() noexcept;
  bool goes_on() const noexcept { return state_ == state::open; }

  void write(std::string_view handle, std::uint64_t offset, std::span<const char> bytes);
  /// The first write that the server has refused since the last call.
  std::optional<sftp_answer> take_refusal() noexcept;
  /// The answer does not matter.
  void post(sftp_request request);

  /// From now on ask() is about that file. Pre: no chunk is outstanding.
  void begin_file(std::string handle) noexcept { handle_ = std::move(handle); }
  bool has_room() const noexcept;
  void ask(std::uint64_t offset, std::uint32_t size);
  std::size_t outstanding() const noexcept { return last_ - first_; }
  /// Until the first chunk that is outstanding has come. Pre: there is one.
  wait chunk() noexcept { return wait(*this, awaited::chunk); }
  const sftp_chunk& first_chunk() const noexcept { return chunks_[first_ % max_in_flight]; }
  void drop_first_chunk() noexcept;

 private:
  enum class state : std::uint8_t { idle, greeting, open, stopped, lost };
  // An id is the number of its slot, and above that one that is never used twice in a row.
  static constexpr std::size_t max_in_flight = 64;
  class slot {
   public:
    enum class use : std::uint8_t { none, call, write, read, dropped };
    use what = use::none;
    std::uint32_t id = 0;
    std::size_t chunk = 0;  // of a read
  };

  bool has(awaited what) const noexcept;
  void suspend(awaited what, std::coroutine_handle<> waiting) noexcept;
  void wake_if_due();
  slot& take_slot(slot::use what) noexcept;
  void send();
  void on_written(std::size_t left, bool closed);
  copy_failure take(std::string_view packet);
  copy_failure greet(const sftp_answer& answer);
  bool take_data(std::size_t number, sftp_answer answer);
  void ask_for_rest(std::size_t number);
  sftp_answer take_answer();

  lifecycle& peer_;
  sftp_splitter packets_;
  sftp_extensions extensions_;
  std::string unsent_;
  std::string sending_;  // the transport has it
  std::array<slot, max_in_flight> slots_;
  std::size_t next_slot_ = 0;
  std::size_t in_flight_ = 0;
  std::uint32_t generation_ = 0;
  std::optional<sftp_answer> answer_;   // to the call
  std::optional<sftp_answer> refusal_;  // of a write
  std::string handle_;                  // of the file that is read
  std::array<sftp_chunk, max_in_flight> chunks_;
  std::size_t first_ = 0;  // chunk that is outstanding
  std::size_t last_ = 0;   // behind the last one
  std::string spare_;      // for the bytes of the next chunk
  std::coroutine_handle<> waiting_;
  awaited awaits_ = awaited::nothing;
  state state_ = state::idle;
  bool is_writing_ = false;
  bool event_came_ = false;
  bool was_greeted_ = false;
};

/// What a status means, for a step on that path. Pre: it is not ok.
copy_failure failure_of_sftp(const sftp_answer& status, std::string_view step,
                             const std::string& path);

}  // namespace execo::detail
