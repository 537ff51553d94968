// The root of a small tree, for tests of the agent: speaks the protocol with a real one over a
// socket pair, and collects what comes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "wire/link.hpp"

namespace execo::test {

class tree_driver {
 public:
  /// What is known of a command on a host.
  class run_record {
   public:
    std::string out, err;
    std::optional<detail::ended_message> end;
    bool started = false;
    std::uint64_t input_taken = 0;
  };
  /// What commands have given to a reduction.
  class contribution {
   public:
    detail::index_ranges hosts;
    detail::reduce_value value;
    std::string text;
  };
  class host_record {
   public:
    std::optional<detail::host_state_message> last;
    bool up = false;
  };

  /// The agent's.
  static const char* program() noexcept;
  /// Starts the agent as host 0. `arguments` stand behind its nonce.
  explicit tree_driver(const std::vector<std::string>& arguments = {},
                       std::chrono::milliseconds orphan_grace = std::chrono::milliseconds(0));
  /// Says goodbye, waits for the agent's end, kills it if that does not come.
  ~tree_driver();
  tree_driver(const tree_driver&) = delete;
  tree_driver& operator=(const tree_driver&) = delete;

  pid_t pid() const noexcept { return pid_; }
  detail::link& link() noexcept { return link_; }

  // -- orders -------------------------------------------------------------------------------------
  template <class Message>
  void send(const Message& message) {
    (void)link_.send(message);
  }
  /// Children are started by this agent's own program.
  /// `arity`: children of each agent; 0: as it likes.
  void use_local_connector(std::uint16_t arity = 0);
  /// Children are started by these words and stage 1, from the program that is sent before.
  void use_connector(std::vector<std::string> words, std::uint16_t arity = 0);
  /// Hosts first to last, named h<index>, of one zone.
  void deploy(std::uint32_t first, std::uint32_t last, std::uint16_t zone = 0);
  static detail::execute_message text(std::uint32_t run, const detail::index_ranges& hosts,
                                      std::string command);
  static detail::execute_message words(std::uint32_t run, const detail::index_ranges& hosts,
                                       std::vector<std::string> words);
  /// Whoever does not answer in a minute is late.
  static detail::wave_message wave(std::uint32_t number, std::uint32_t hold_ms = 60'000);
  void input(std::uint32_t run, std::uint32_t host, const std::string& bytes, bool end);
  void cancel(std::uint32_t run, const detail::index_ranges& hosts);

  // -- what comes ---------------------------------------------------------------------------------
  /// Until it holds. False if the link is over or the time is before.
  bool until(const std::function<bool()>& holds,
             std::chrono::seconds within = std::chrono::seconds(60));
  bool until_up(std::uint32_t first, std::uint32_t last);
  bool until_ended(std::uint32_t run, const detail::index_ranges& hosts);
  /// The agent says nothing more, and its process is gone.
  bool until_gone();
  void say_goodbye();
  void close();
  /// Output is not credited from now on, or again.
  void give_credit(bool gives);

  run_record& of(std::uint32_t run, std::uint32_t host) { return runs_[{run, host}]; }
  host_record& host(std::uint32_t index) { return hosts_[index]; }
  /// How much of a content it has asked for.
  std::uint64_t wanted(std::uint32_t content) { return wanted_[content]; }
  /// Pre: it has asked for it.
  const detail::file_want_message& first_want(std::uint32_t content) const {
    return first_wants_.at(content);
  }
  /// Hosts that it has given back.
  const detail::index_ranges& returned() const noexcept { return returned_; }
  /// Who has answered that wave, and in how many frames.
  const detail::index_ranges& answers(std::uint32_t number) { return answers_[number]; }
  std::size_t frames_of_answers() const noexcept { return frames_of_answers_; }
  /// A frame each.
  std::vector<contribution>& contributions() noexcept { return contributions_; }
  std::uint64_t folded_frames() const noexcept { return folded_frames_; }
  std::optional<int> status() const noexcept { return status_; }

 private:
  bool turn(std::chrono::milliseconds patience);
  void take(const detail::frame& what);
  void take_output(const detail::output_message& output);
  void take_folded(const detail::folded_message& block);
  void credit(std::uint32_t run, std::uint32_t host, std::uint8_t stream, std::size_t bytes);
  void flush();
  bool reaped();

  pid_t pid_ = -1;
  detail::unique_fd socket_;
  detail::link link_;
  std::optional<int> status_;
  bool gives_credit_ = true;
  std::map<std::pair<std::uint32_t, std::uint32_t>, run_record> runs_;
  std::map<std::uint32_t, host_record> hosts_;
  std::map<std::pair<std::uint32_t, detail::bytes16>, std::string> texts_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> owed_[3];
  std::map<std::uint32_t, std::uint64_t> wanted_;
  std::map<std::uint32_t, detail::file_want_message> first_wants_;
  detail::index_ranges returned_;
  std::map<std::uint32_t, detail::index_ranges> answers_;  // by wave
  std::size_t frames_of_answers_ = 0;
  std::vector<contribution> contributions_;
  std::uint64_t folded_frames_ = 0;
};

}  // namespace execo::test
