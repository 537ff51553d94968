// Files that many hosts send through few links. Of those that are equal one comes, and the other
// hosts get copies of it; and few hosts send at a time.
//
// A digest is what a host says of its file. It counts once what came is right: a host that says
// the wrong one, goes away or stands still leaves its place to another one that says the same.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/fd.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class equal_files;

/// One host's file, from equal_files::want() to equal_files::end().
///
///   none              -> queued    it is to be sent, when others have been
///   none, queued      -> sending   it is its turn
///   none              -> waiting   another host is to send the same
///   waiting           -> queued    that one did not
///   none, waiting     -> copying   the same has come
///   sending           -> slow      next to nothing came for a while: it has no turn any more
///   all               -> none      end(), or whole()
class wanted_file : public list_node {
 public:
  enum class state : std::uint8_t { none, queued, waiting, sending, slow, copying };

  /// `decided`: it is sending or copying. Called from the loop.
  explicit wanted_file(delegate<> decided) noexcept : decided_(decided) {}

  state at() const noexcept { return state_; }
  bool is_sending() const noexcept { return state_ == state::sending || state_ == state::slow; }
  bool has_digest() const noexcept { return content_ != nullptr; }
  /// Of it came.
  void came(std::size_t bytes) noexcept { came_ += bytes; }
  /// Whether this side reads nothing of it meanwhile.
  void hold(bool is_held) noexcept { is_held_ = is_held; }

 private:
  friend class equal_files;
  class content;

  delegate<> decided_;
  std::shared_ptr<content> content_;  // null: nobody knows its digest
  std::uint64_t came_ = 0;
  std::uint64_t seen_ = 0;  // of that, at the last look
  state state_ = state::none;
  bool is_held_ = false;
};

class equal_files {
 public:
  explicit equal_files(loop& on) noexcept;
  equal_files(const equal_files&) = delete;
  equal_files& operator=(const equal_files&) = delete;

  /// `digest`: 64 digits; anything else says nothing. Pre: `which` is at none.
  void want(wanted_file& which, const std::string& digest, std::uint64_t size);
  /// All of it has come, and has the digest it was wanted by. Others read it from `file`; none:
  /// they cannot. Pre: is_sending().
  void whole(wanted_file& which, unique_fd file);
  /// In any state.
  void end(wanted_file& which) noexcept;

  /// Where a copy is read from, as long as that is what came. Pre: copying.
  bool is_as_it_came(const wanted_file& which) const noexcept;
  int file_of(const wanted_file& which) const noexcept;
  /// It is not: others are not given it, and `which` is wanted anew. Pre: copying.
  void doubt(wanted_file& which);

  std::size_t senders() const noexcept { return senders_; }

  /// Hosts that send at a time. Of each no more is under way than the window of a stream.
  static constexpr std::size_t max_senders = 64;
  /// Files that are held open for hosts that come later.
  static constexpr std::size_t max_kept = 64;
  /// What keeps a turn that long: so many bytes.
  static constexpr clock::duration patience = std::chrono::seconds(10);
  static constexpr std::uint64_t least_bytes = 65'536;

 private:
  using content = wanted_file::content;
  using state = wanted_file::state;

  void queue(wanted_file& which) noexcept;
  void pass_on(content& of) noexcept;
  void leave_turn(wanted_file& which) noexcept;
  void begin_turns() noexcept;
  void copy(wanted_file& which) noexcept;
  void begin_copy() noexcept;
  void decide(wanted_file& which) noexcept;
  void keep(const std::shared_ptr<content>& of);
  void forget(content& of) noexcept;
  void tell();
  void look();

  loop& loop_;
  std::unordered_map<std::string, std::shared_ptr<content>> contents_;  // by digest and size
  list_node kept_;     // contents that others can have, the oldest first
  list_node queue_;    // what waits for its turn
  list_node sending_;  // what has it, and was told so
  list_node copies_;   // what can be copied here, one at a time
  list_node decided_;  // what is still to be told
  wanted_file* copied_ = nullptr;
  std::size_t count_kept_ = 0;
  std::size_t senders_ = 0;
  deadline_timer notice_;
  deadline_timer look_;
};

}  // namespace execo::detail
