// The ssh agent of this agent's connectors: it holds no keys, and passes on to the root what they
// ask. Its socket and the file of host keys have no names: the descriptors of a process of their
// own lead to both, for /proc does not let others of the user at those of this one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/file_holder.hpp"
#include "agent/reactor.hpp"
#include "agent/sign_client.hpp"
#include "agent/spawn.hpp"
#include "wire/host_messages.hpp"
#include "wire/sign_messages.hpp"

namespace execo::agent {

class sign_socket_owner {
 public:
  /// The index of the host that a connector leads to that has not reached it yet, by its session.
  virtual std::optional<std::uint32_t> host_of_connector(pid_t session) const noexcept = 0;
  /// Its `hosts` are not set.
  virtual void on_ask(detail::sign_ask_message what) = 0;

 protected:
  ~sign_socket_owner() = default;
};

/// closed -> open    open()
/// closed -> broken  open() has failed, and is not tried again
enum class sign_socket_state : std::uint8_t { closed, open, broken };

class sign_socket {
 public:
  sign_socket(reactor& on, sign_socket_owner& owner, const surroundings& around);
  sign_socket(const sign_socket&) = delete;
  sign_socket& operator=(const sign_socket&) = delete;
  ~sign_socket();

  /// False, now and later: problem() says why.
  bool open();
  const std::string& problem() const noexcept { return problem_; }
  /// Pre of all that follow: it is open.
  std::string socket_path() const { return holder_.first_path(); }
  std::string keys_path() const { return holder_.second_path(); }
  /// Its key is one of the file's.
  void learn(const detail::work_item& host);
  /// Of one that has gone, too.
  void answer(const detail::sign_answer_message& what);

  bool has_process(pid_t pid) const noexcept { return holder_.is_process(pid); }

 private:
  friend class sign_client;

  bool make_socket();
  bool hold(int named);
  bool fail(const char* what);
  void on_connection(std::uint32_t);
  void on_ended(std::uint32_t number);

  reactor& loop_;
  sign_socket_owner& owner_;
  const surroundings& around_;
  sign_socket_state state_ = sign_socket_state::closed;
  std::string problem_;
  unique_fd listener_, keys_;
  watch listener_seen_;
  file_holder holder_;
  std::map<std::uint32_t, sign_client> clients_;
  std::uint32_t last_number_ = 0;
};

}  // namespace execo::agent
