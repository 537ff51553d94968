// The agent: between its parent, its children and its commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/children.hpp"
#include "agent/commands.hpp"
#include "agent/file_relay.hpp"
#include "agent/heard_signals.hpp"
#include "agent/held_starts.hpp"
#include "agent/line.hpp"
#include "agent/reactor.hpp"
#include "agent/run_book.hpp"
#include "agent/spawn.hpp"
#include "agent/talks.hpp"
#include "agent/waiting_orders.hpp"
#include "wire/fold_table.hpp"
#include "wire/messages.hpp"
#include "wire/reduction_table.hpp"
#include "wire/wave_answers.hpp"

namespace execo::agent {

/// greeting -> serving   the parent has said welcome
/// greeting -> over      it has not, in time
/// serving  -> orphaned  the parent is gone without a goodbye: commands go on for the grace
/// serving, orphaned -> ending  a goodbye, TERM, the end of the grace or of the last command:
///                              everything is being ended
/// ending   -> leaving   nothing runs any more: our goodbye
/// leaving  -> over      it is written, or cannot be
enum class node_state : std::uint8_t { greeting, serving, orphaned, ending, leaving, over };

class node final : private line_owner,
                   private children_owner,
                   private commands_owner,
                   private file_relay_owner,
                   private talks_owner {
 public:
  /// The link to the parent is `in` and `out`.
  node(reactor& on, const detail::bytes16& nonce, const surroundings& around, int in, int out);

  /// Until everything has ended. Pre: CHLD and the signals that end an agent are blocked.
  void run();

 private:
  // -- the parent ---------------------------------------------------------------------------------
  void on_frame(line& from, const detail::frame& what) override;
  void on_touched(line& which) override { touched_.push_back(&which); }
  void on_over(line& which) override;
  void on_welcome();
  bool has_parent() const noexcept;
  template <class Message>
  void send_to_parent(const Message& what) {
    if (has_parent()) (void)up_.send(what);
  }

  // -- what it orders: node_orders.cpp ------------------------------------------------------------
  void obey(const detail::frame& what);
  bool take(const detail::frame& what);
  bool take_of_content(const detail::frame& what);
  bool obey_of_talk(const detail::frame& what);
  template <class Message>
  bool take_as(const detail::frame& what);
  template <class Message>
  void send_down(const Message& what);
  void pass_on(const detail::frame& what, std::uint32_t host);
  // Each with the frame that it came in. False: a sound parent does not say that.
  bool obey(const detail::connector_message& what, const detail::frame& as);
  bool obey(const detail::image_message& what, const detail::frame& as);
  bool obey(const detail::work_message& what, const detail::frame& as);
  bool obey(const detail::revoke_message& what, const detail::frame& as);
  bool obey(const detail::sign_answer_message& what, const detail::frame& as);
  bool obey(const detail::certificate_message& what, const detail::frame& as);
  bool obey(const detail::execute_message& what, const detail::frame& as);
  bool obey(const detail::part_message& what, const detail::frame& as);
  bool obey(const detail::input_message& what, const detail::frame& as);
  bool obey(const detail::credit_message& what, const detail::frame& as);
  bool obey(const detail::signal_message& what, const detail::frame& as);
  bool obey(const detail::cancel_message& what, const detail::frame& as);
  bool obey(const detail::wave_message& what, const detail::frame& as);
  bool obey(const detail::file_order_message& what, const detail::frame& as);
  bool obey(const detail::file_part_message& what, const detail::frame& as);
  bool obey(const detail::file_end_message& what, const detail::frame& as);
  bool obey(const detail::file_none_message& what, const detail::frame& as);
  bool obey(const detail::file_forget_message& what, const detail::frame& as);

  // -- the children: node_reports.cpp -------------------------------------------------------------
  void on_child_touched(line& which) override { touched_.push_back(&which); }
  void on_child_frame(branch& from, const detail::frame& what) override;
  void on_connecting(const detail::index_ranges& hosts) override;
  void on_child_up(branch& which) override;
  void on_way(branch& to, const detail::index_ranges& hosts) override;
  void on_hosts_lost(const detail::index_ranges& hosts, const detail::index_ranges& silent,
                     detail::host_failure why, const std::string& text) override;
  void on_hosts_back(const detail::index_ranges& hosts, const std::string& text) override;
  void on_hosts_wanted(const detail::steal_message& what) override;
  void on_ask(detail::sign_ask_message what) override;
  bool hear(branch& from, const detail::frame& what);
  void pass_up(const detail::frame& what);
  template <class Message>
  bool pass_up_as(const branch& from, const detail::frame& what);
  bool is_run_of(const branch& from, std::uint32_t run, const detail::index_ranges& hosts) const;
  bool hear_started(const branch& from, const detail::frame& what);
  bool hear_folded(const branch& from, const detail::frame& what);
  bool hear_ended(const branch& from, const detail::frame& what);
  bool hear_state(branch& from, const detail::frame& what);
  bool hear_ask(branch& from, const detail::frame& what);
  bool hear_returned(branch& from, const detail::frame& what);
  bool hear_of_talk(const branch& from, const detail::frame& what);
  template <class Message>
  bool pass_talk_up(const branch& from, const detail::frame& what);
  bool contribute(const detail::contribute_message& what);
  void send_contributions(std::uint32_t talk);
  bool hear_answers(const branch& from, const detail::frame& what);
  void lose_answers(const detail::index_ranges& hosts);
  void report_answers();
  void end_runs(const detail::index_ranges& hosts, std::string_view why);
  void report_ended(std::uint32_t run, detail::index_ranges hosts, detail::command_end how,
                    std::string_view text);
  detail::host_state_message state_of(const detail::index_ranges& hosts,
                                      detail::tree_host_state state) const;
  void report_state(detail::host_state_message what);

  // -- the commands and files here ----------------------------------------------------------------
  void tell(const detail::started_message& what) override;
  void tell(const detail::output_message& what) override { send_to_parent(what); }
  void tell(const detail::credit_message& what) override { send_to_parent(what); }
  void tell(detail::folded_message what) override;
  void tell(const detail::ended_message& what) override;
  bool has_room_for_output() const noexcept override;
  bool has_process(pid_t pid) const noexcept override { return children_.has_process(pid); }
  void tell(const detail::say_message& what) override { send_to_parent(what); }
  /// Of a command that has ended meanwhile it is dropped.
  void tell(const detail::contribute_message& what) override { (void)contribute(what); }
  void tell(const detail::consumed_message& what) override { send_to_parent(what); }
  void tell(const detail::file_want_message& what) override { send_to_parent(what); }
  line* child_line(std::uint32_t child) override { return children_.line_of(child); }
  template <class Message>
  detail::fold_result fold(const Message& what);
  bool close_run(std::uint32_t run, const detail::index_ranges& hosts, bool& over);
  bool close_runs(const detail::ended_message& what);
  void flush_folds();

  // -- time and signals ---------------------------------------------------------------------------
  void on_signals(bool asked_to_end);
  void reap();
  void end(milliseconds grace, detail::goodbye_reason why);
  void on_patience();
  void on_fold_due() { flush_folds(); }
  void on_wave_due();
  void after_turn();
  void grant(line& to);
  void settle_flow();
  void flush_touched();
  void look_for_end();
  void say_goodbye();

  reactor& loop_;
  std::vector<line*> touched_;
  std::vector<line*> flushed_;         // just now, by flush_touched(): keeps its memory
  std::vector<line*> stalled_;         // their credit is not given back yet
  mutable bool output_waits_ = false;  // commands have found no room
  line up_;
  talks talks_;
  commands commands_;
  children children_;
  file_relay files_;
  run_book book_;
  detail::fold_table folds_;
  detail::reduction_table reductions_;
  held_starts starts_;
  waiting_orders waiting_;
  detail::wave_answers wave_;
  node_state state_ = node_state::greeting;
  std::uint32_t index_ = 0;
  heard_signals signals_;
  alarm patience_, fold_due_, wave_due_;
};

}  // namespace execo::agent
