// A further channel of a connection that runs a fixed script, which finds the processes of a
// command and signals them. Its shell and the commands have the same parent, the server's process
// that serves this connection and no other. It takes requests, one a line, and works on several at
// a time: so one channel does for all commands of the connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ssh/command_mark.hpp"
#include "ssh/pooled_session.hpp"

namespace execo::detail {

/// How long a script that ends a command may be late, on a server that answers, before the
/// connection is closed: a busy server starts it late, and without the connection it finds no
/// command.
inline constexpr auto max_script_delay = std::chrono::seconds(4);
/// How long a transport that is closed waits for the server's answer to its request for a command.
/// A server answers after its fork, which is late on a busy host: the command may run before the
/// answer comes. Once the connection is closed no script finds it, and it outlives the connection
/// if it had no terminal by then.
inline constexpr auto max_answer_delay = max_script_delay;

/// What the server has made of the signal request: surely nothing, or it may have delivered it.
enum class delivery : std::uint8_t { none, possible };

/// How far a request has come, or how it ended. Of two that are over, the later one counts.
enum class script_state : std::uint8_t {
  waiting,         ///< nothing was heard of the script
  accepted,        ///< the server runs it, or something else
  started,         ///< it runs
  at_work,         ///< it has found and signalled the command
  found_nothing,   ///< there was no command
  refused,         ///< the server opens no second channel
  something_else,  ///< the server ran another command than the script
  broken,          ///< it ended without a word
  sent,            ///< the command was signalled
  not_permitted,   ///< what is left is another user's
  held,            ///< what is left was sent KILL
  gone,            ///< nothing is left of the command
};

/// A signal for a command, or its end; or a watch over all commands, which is at work until it is
/// over.
class signal_request final : public list_node {
 public:
  enum class kind : std::uint8_t { signal, end, watch };

  /// `changed` comes from the loop; it must not destroy the request.
  signal_request(kind what, delegate<> changed) noexcept : changed_(changed), what_(what) {}

  kind what() const noexcept { return what_; }
  script_state state() const noexcept { return state_; }
  bool is_over() const noexcept { return state_ > script_state::at_work; }

 private:
  friend class signal_helper;
  void become(script_state next) {
    if (is_over() || state_ >= next) return;
    state_ = next;
    changed_();
  }

  delegate<> changed_;
  unsigned id_ = 0;
  kind what_;
  script_state state_ = script_state::waiting;
};

class signal_helper final : private channel_owner {
 public:
  /// Pre: the channel is open or was asked for, and no command was run on it.
  explicit signal_helper(std::unique_ptr<channel_slot> slot);
  signal_helper(const signal_helper&) = delete;
  signal_helper& operator=(const signal_helper&) = delete;
  ~signal_helper();

  /// One signal, unless the server has passed it on before. The request changes from the loop on.
  void signal(signal_request& request, int number, delivery before, const command_mark& whose);
  /// The signal to all of the command's session, and KILL in `until_kill` to what is left of it,
  /// also when the connection has gone.
  void end(signal_request& request, int number, clock::duration until_kill,
           const command_mark& whose);
  /// From now on the script ends the commands, TERM and then KILL, when it has heard nothing for
  /// `lease`, or when the connection has gone. Pre: nothing was asked of it yet.
  void begin_watch(signal_request& request, clock::duration lease);
  /// A command is asked for; the commands are those that run now; none runs. Each is a sign of life
  /// as well.
  void note_begin(clock::duration lease) { remind("begins", lease); }
  void note_change(clock::duration lease) { remind("runs", lease); }
  void note_idle(clock::duration lease) { remind("idle", lease); }
  void beat(clock::duration lease) { remind("beat", lease); }

 private:
  // new -> asked -> accepted -> ready -> over: nothing was asked of it; the script is to be run;
  // the server runs it, or something else; it has said so itself; nothing more comes of it.
  enum class stage : std::uint8_t { unused, asked, accepted, ready, over };

  void add(signal_request& request, std::string line);
  void remind(std::string_view what, clock::duration lease);
  void write();
  void read_line(std::string_view line);
  signal_request* find(std::string_view id) noexcept;
  void finish(script_state how);

  void channel_started() override;
  void channel_data(stream which, std::span<const char> bytes) override;
  void channel_eof() override {}
  void channel_exit(exit_status) override {}
  void channel_closed() override;
  void channel_refused(refusal of, std::string why) override;
  void channel_written(std::size_t count) override;
  void channel_broke(const std::exception_ptr& error) override;

  std::unique_ptr<channel_slot> slot_;
  list_node requests_;
  std::string in_flight_;  // the channel has it
  std::string to_write_;
  std::string words_;
  unsigned ids_ = 0;
  stage stage_ = stage::unused;
  script_state how_ = script_state::broken;  // once it is over
};

/// What the channel runs; the first request, if there is one, is a part of it.
std::string helper_script(std::string_view first_request);
/// A request, as a line without its end.
std::string signal_line(unsigned id, int number, delivery before, const command_mark& whose);
std::string ending_line(unsigned id, int number, clock::duration until_kill,
                        const command_mark& whose);
/// What a script reads before its first watch_line.
std::string watch_setup();
/// `what`: "begins", "runs", "idle" or "beat".
std::string watch_line(unsigned id, std::string_view what, clock::duration lease);

}  // namespace execo::detail
