// The users of a session's connection, and which of them have something to do.
#pragma once

#include <cassert>
#include <cstdint>
#include <exception>
#include <utility>

#include "base/contain.hpp"
#include "execo/detail/node.hpp"

namespace execo::detail {

class session_member : public list_node {
 public:
  /// What it needs to go on: to be touched, or any event of the connection.
  enum class need : std::uint8_t { touch, event };

  /// Does what can be done now; the only place to call libssh. May detach.
  virtual need advance() = 0;
  /// An exception came out of advance(): the member, not the session, has failed. Throws nothing.
  virtual void broke(const std::exception_ptr& error) = 0;
  /// advance() will make libssh read the connection, so that no other member has to.
  virtual bool pumps() const noexcept = 0;
  /// The libssh session goes away and takes its channels along. Send nothing.
  virtual void abandon() noexcept = 0;

  /// Its list's own: since the last advance() began.
  bool touched = false;

 protected:
  ~session_member() = default;
};

class session_members {
 public:
  void attach(session_member& m) noexcept {
    assert(!m.linked());
    ++count_;
    m.link_before(touched_);
    // Those that hold the connection may keep more when there are others.
    if (holders_ > 0) touch_resting();
  }
  void detach(session_member& m) noexcept {
    assert(m.linked() && count_ > 0);
    --count_;
    m.unlink();
  }
  void touch(session_member& m) noexcept {
    m.touched = true;
    m.link_before(touched_);
  }
  std::size_t size() const noexcept { return count_; }
  bool any_touched() const noexcept { return touched_.linked(); }
  /// What one member has read may be what another one waits for.
  bool several_wait() const noexcept { return count_ > 1 && waiting_.linked(); }

  /// Members that keep the connection from being read.
  void add_holder() noexcept { ++holders_; }
  void remove_holder() noexcept {
    assert(holders_ > 0);
    --holders_;
  }
  bool are_holding() const noexcept { return holders_ > 0; }

  bool pump() const noexcept {
    for (const list_node* group : {&waiting_, &touched_})
      for (list_node* n = group->next(); n != group; n = n->next())
        if (static_cast<session_member*>(n)->pumps()) return true;
    return false;
  }

  /// All that were touched or wait for an event. They may join, leave, be touched and be destroyed
  /// while one advances.
  void advance() {
    list_node turn;
    for (list_node* group : {&waiting_, &touched_})
      while (group->linked()) group->next()->link_before(turn);
    while (turn.linked()) advance(static_cast<session_member&>(*turn.next()));
  }

  void abandon_all() noexcept {
    for (list_node* group : {&resting_, &waiting_, &touched_}) {
      while (group->linked()) {
        auto& m = static_cast<session_member&>(*group->next());
        m.unlink();
        m.abandon();
      }
    }
    count_ = holders_ = 0;
  }

 private:
  void touch_resting() noexcept {
    while (resting_.linked()) resting_.next()->link_before(touched_);
  }
  void advance(session_member& m) {
    m.link_before(resting_);
    m.touched = false;
    contain(
        [&] {
          if (m.advance() == session_member::need::event && !m.touched) m.link_before(waiting_);
        },
        [&m](const std::exception_ptr& error) { m.broke(error); });
  }

  // A member is in one of these: it rests until it is touched, waits for the next event, or is to
  // advance at once.
  list_node resting_;
  list_node waiting_;
  list_node touched_;
  unsigned count_ = 0;
  unsigned holders_ = 0;
};

}  // namespace execo::detail
