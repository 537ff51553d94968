#include "tree/tree_transport.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "base/contain.hpp"
#include "base/shell_words.hpp"
#include "execo/printable.hpp"
#include "tree/seat_transport.hpp"
#include "wire/credit_window.hpp"
#include "wire/message_limits.hpp"
#include "wire/order_parts.hpp"

namespace execo::detail {
namespace {

constexpr const char* too_long = "a tree carries commands of at most 2,097,152 bytes";

enum class input_state : std::uint8_t { open, ends, ended };

class tree_transport final : public seat_transport {
 public:
  tree_transport(loop& on, intrusive_ptr<tree_root> root, const host& where,
                 remote_text_maker text_of, std::string terminal, const tree_place& place)
      : seat_transport(on, std::move(root), where, "end of a command in a tree"),
        text_of_(text_of),
        terminal_(std::move(terminal)),
        place_(place),
        input_credit_(root_->stream_window()) {}
  /// A connection from there.
  tree_transport(loop& on, intrusive_ptr<tree_root> root, const host& where, std::string to)
      : tree_transport(on, std::move(root), where, nullptr, {}, {}) {
    order_.form = command_form::connection;
    order_.words.push_back(std::move(to));
    order_.output_cap = order_.error_cap = UINT64_MAX;
    order_.flags = static_cast<std::uint8_t>(execute_flag::input);
  }
  ~tree_transport() override { leave_talk(); }

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    if (is_connection()) return enter();
    std::string problem;
    std::optional<std::string> text = text_of_(what, problem);
    if (text && text->size() > order_limit) problem = too_long;
    if (!problem.empty()) {
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::invalid_argument),
                               printable(where_.name()) + ": " + problem));
    }
    order_.words.push_back(std::move(*text));
    order_.output_cap = order_.error_cap = UINT64_MAX;
    order_.kill_grace_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(what.kill_timeout).count(), 0,
        UINT32_MAX));
    if (what.has_input || what.attributes.pty)
      order_.flags |= static_cast<std::uint8_t>(execute_flag::input);
    if (what.attributes.pty) ask_for_terminal(what.attributes);
    if (may_fold(what)) order_.flags |= static_cast<std::uint8_t>(execute_flag::fold);
    enter();
  }

  void write(std::span<const char> bytes) override {
    input_ = bytes;
    written_ = 0;
    send_input();
  }
  void cancel_write() override {
    if (!written_) return;
    input_ = {};
    queue_step();
  }
  void close_input() override {
    if (input_state_ == input_state::open) input_state_ = input_state::ends;
    send_input();
  }

  void signal(int number) override {
    if (stage_ != stage::running) return;
    signal_message message;
    message.number = static_cast<std::uint8_t>(number);
    (void)root_->send(*this, message);
  }

  /// It has not ended for the agent before nothing is left of it, or KILL comes.
  void end_scope(duration) override { signal(0); }

  void pause(stream which, bool paused) override {
    output& its = outputs_[static_cast<std::size_t>(which)];
    its.is_paused = paused;
    if (!paused && (!its.kept.empty() || its.has_end)) queue_step();
  }

  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("in a tree, on " + printable(where_.name()));
  }

 private:
  bool is_connection() const noexcept { return order_.form == command_form::connection; }

  class output {
   public:
    std::string kept;  // while it is paused
    std::size_t unacknowledged = 0;
    bool is_paused = false;
    bool has_end = false;  // behind what is kept
  };

  void ask_for_terminal(const spawn_attributes& wanted) {
    order_.flags |= static_cast<std::uint8_t>(execute_flag::terminal);
    order_.rows = wanted.pty_rows;
    order_.columns = wanted.pty_columns;
    order_.environment.emplace_back("TERM", terminal_);
  }

  // A frame has room for a long text or for many hosts.
  bool may_fold(const command& what) const noexcept {
    const duration none(0);
    return place_.output_may_wait && !place_.talk && order_.flags == 0 &&
           what.first_output_timeout == none && what.idle_timeout == none &&
           order_.words.front().size() <= fold_limit;
  }

  std::chrono::milliseconds end_limit() const noexcept override {
    return seat_transport::end_limit() + std::chrono::milliseconds(order_.kill_grace_ms);
  }

  void go_on() override {
    if (written_ && input_.empty()) events_->on_written(*std::exchange(written_, std::nullopt));
    for (stream which : {stream::out, stream::err}) give_out(which);
  }

  // -- tree_seat
  void seat_up() override {
    events_->on_phase(phase::open);
    if (is_parting() || stage_ != stage::waiting) return;
    if (is_connection() && !root_->can(*this, capability::connection))
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::not_supported),
                               printable(where_.name()) + ": its agent connects to no hosts"));
    if (enter_place() && enter_talk()) ask();
  }
  // Who reaches the host is known now.
  bool enter_place() {
    order_.count = static_cast<std::uint32_t>(place_.count);
    order_.rank_shift = static_cast<std::uint32_t>(place_.index + 1) - host_in_tree;
    if (place_.father_mark.empty()) return true;
    std::string father = root_->father_of(*this);
    bool may_be_put = is_inert(father) && !father.starts_with('-');
    if (!may_be_put) {
      fail_soon(failure(end_reason::unsupported, std::make_error_code(std::errc::invalid_argument),
                        printable(where_.name()) + ": the name " + printable(father) +
                            " of its father means something to a shell"));
      return false;
    }
    put_father(order_.words.front(), place_.father_mark, father);
    return true;
  }
  // What is sent to it comes behind its order.
  bool enter_talk() {
    if (!place_.talk) return true;
    if (!place_.talk->place(loop_) || !root_->talks().enter(*place_.talk)) {
      fail_soon(failure(
          end_reason::unsupported, std::make_error_code(std::errc::invalid_argument),
          printable(where_.name()) + ": messages: the tree is on another loop than the action"));
      return false;
    }
    order_.flags |= static_cast<std::uint8_t>(execute_flag::talk);
    order_.talk = place_.talk->number();
    order_.ranks = place_.talk->ranks();
    return true;
  }
  void leave_talk() noexcept {
    if (!place_.talk) return;
    const intrusive_ptr<talk_group> talk = place_.talk;
    contain([&] { talk->leave(static_cast<std::uint32_t>(place_.index + 1)); },
            [](const std::exception_ptr&) {});
  }
  void ask() {
    send_result sent = root_->execute(*this, front_of(order_, unsent_));
    if (sent == send_result::over)
      return fail_soon(failure(end_reason::connect_failed,
                               std::make_error_code(std::errc::not_connected),
                               printable(where_.name()) + ": the way to it was lost" + through()));
    if (sent == send_result::too_long)
      return fail_soon(failure(end_reason::unsupported,
                               std::make_error_code(std::errc::argument_list_too_long),
                               printable(where_.name()) + ": " + too_long));
    if (sent == send_result::full) return;
    stage_ = stage::asked;
    started_ = certainty::maybe;
    if (place_.talk)
      root_->join_talk(*this, *place_.talk, static_cast<std::uint32_t>(place_.index + 1));
    send_parts();
  }
  // What is left of a long text.
  void send_parts() {
    while (stage_ == stage::asked && !unsent_.empty()) {
      part_message part;
      part.bytes = unsent_.substr(0, chunk_limit);
      if (root_->send(*this, part) != send_result::queued) return;
      unsent_.remove_prefix(part.bytes.size());
    }
  }
  std::string through() const {
    std::string place = root_->place_of(*this);
    return place.empty() ? place : ", it was " + place;
  }
  // What was up and is lost has not seen the command.
  void seat_failed(failure why) override {
    if (why.how == end_reason::connection_lost) why.how = end_reason::connect_failed;
    if (stage_ == stage::asked) stage_ = stage::waiting;
    started_ = certainty::no;
    fail_soon(std::move(why));
  }
  void seat_started() override {
    if (stage_ != stage::asked) return;
    stage_ = stage::running;
    started_ = certainty::yes;
    if (!is_parting()) events_->on_phase(phase::run);
    send_input();
  }
  // Where output is folded, it may overtake the start.
  void seat_output(const output_message& message) override {
    if (stage_ == stage::asked) seat_started();
    if (is_parting() || stage_ != stage::running) return;
    stream which = message.stream == command_stream::errors ? stream::err : stream::out;
    output& its = outputs_[static_cast<std::size_t>(which)];
    if (message.bytes.size() > root_->stream_window() - its.unacknowledged)
      return break_off("it printed more than it may");
    its.unacknowledged += message.bytes.size();
    if (pass_on(which, message.bytes)) acknowledge(which);
  }
  void seat_folded(command_stream from, std::string_view bytes) override {
    if (stage_ == stage::asked) seat_started();
    if (is_parting() || stage_ != stage::running) return;
    (void)pass_on(from == command_stream::errors ? stream::err : stream::out, bytes);
  }
  // False: it waits.
  bool pass_on(stream which, std::string_view bytes) {
    output& its = outputs_[static_cast<std::size_t>(which)];
    if (its.is_paused || !its.kept.empty()) {
      its.kept.append(bytes);
      return false;
    }
    events_->on_output(which, std::span<const char>(bytes.data(), bytes.size()));
    return true;
  }
  void seat_credit(std::size_t bytes) override {
    if (!input_credit_.give(bytes)) return break_off("it took more input than there was");
    send_input();
  }
  void seat_has_room() override {
    if (stage_ == stage::waiting && !is_parting()) return ask();
    if (!is_parting()) send_parts();
    send_input();
  }
  void seat_ended(const ended_message& end) override {
    leave_talk();
    if (stage_ < stage::asked || stage_ >= stage::exited) return;
    if (is_parting()) {
      stage_ = stage::exited;
      return leave();
    }
    if (stage_ == stage::asked && end.how <= command_end::cancelled) seat_started();
    finish(end);
  }
  void seat_lost(failure why) override {
    leave_talk();
    if (stage_ < stage::asked || stage_ >= stage::exited) return;
    leftover_ = leftover_cause::connection_lost;
    if (started_ != certainty::yes) why.context += "; the command may have been started";
    fail_soon(std::move(why));
  }

  // The order was under way when its host was lost.
  void never_reached(const ended_message& end) {
    started_ = certainty::no;
    fail_soon(failure(end_reason::connect_failed, std::make_error_code(std::errc::not_connected),
                      printable(where_.name()) + ": " + printable(end.text) + through()));
  }

  // Agents between know nothing of it: it is this command alone that is given up.
  void break_off(const char* why) {
    if (failure_) return;
    (void)root_->send(*this, cancel_message());
    leftover_ = leftover_cause::no_answer;
    fail_soon(failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                      printable(where_.name()) + ": " + why));
  }

  void finish(const ended_message& end) {
    switch (end.how) {
      case command_end::exited:
        return exit(exit_status::of_code(static_cast<int>(end.code)), end);
      case command_end::signaled:
      case command_end::cancelled:
      case command_end::run_limit:
      case command_end::idle_limit:
        return exit(exit_status::of_signal(static_cast<int>(end.code)), end);
      case command_end::not_started:
        if (end.code == 0) return never_reached(end);
        [[fallthrough]];
      case command_end::twice:
        started_ = certainty::no;
        return fail_soon(
            failure(end_reason::spawn_failed,
                    std::error_code(static_cast<int>(end.code), std::system_category()),
                    printable(where_.name()) + ": " + printable(end.text)));
      case command_end::lost:
        leftover_ = leftover_cause::connection_lost;
        return fail_soon(failure(end_reason::connection_lost, {},
                                 printable(where_.name()) + ": " + printable(end.text)));
    }
  }
  void exit(exit_status status, const ended_message& end) {
    stage_ = stage::exited;
    // An output that somebody else holds open has no end: it is cut after a while.
    for (output& its : outputs_) its.has_end = end.whole;
    queue_step();
    events_->on_exit(status);
  }

  void give_out(stream which) {
    output& its = outputs_[static_cast<std::size_t>(which)];
    if (its.is_paused || is_parting()) return;
    if (!its.kept.empty()) {
      std::string bytes = std::exchange(its.kept, {});
      events_->on_output(which, bytes);
      acknowledge(which);
    }
    if (its.has_end && !its.is_paused && !is_parting()) {
      its.has_end = false;
      events_->on_eof(which);
    }
  }

  // Half a window at a time.
  void acknowledge(stream which) {
    output& its = outputs_[static_cast<std::size_t>(which)];
    if (its.is_paused || its.unacknowledged < root_->stream_window() / 2) return;
    if (stage_ != stage::running) return;
    credit_message message;
    message.stream = static_cast<std::uint8_t>(which == stream::err ? command_stream::errors
                                                                    : command_stream::output);
    message.data = static_cast<std::uint32_t>(its.unacknowledged);
    if (root_->send(*this, message) == send_result::queued) its.unacknowledged = 0;
  }

  void send_input() {
    if (stage_ != stage::running || is_parting()) return;
    while (!input_.empty()) {
      std::size_t most = static_cast<std::size_t>(input_credit_.room());
      std::size_t some = std::min({input_.size(), most, chunk_limit});
      if (some == 0) break;
      input_message message;
      message.bytes = std::string_view(input_.data(), some);
      if (root_->send(*this, message) != send_result::queued) break;
      input_credit_.take(some);
      input_ = input_.subspan(some);
      *written_ += some;
    }
    if (written_ && input_.empty()) queue_step();
    if (input_state_ != input_state::ends || !input_.empty()) return;
    input_message message;
    message.end = true;
    if (root_->send(*this, message) == send_result::queued) input_state_ = input_state::ended;
  }

  const remote_text_maker text_of_;
  const std::string terminal_;
  const tree_place place_;
  execute_message order_;
  std::string_view unsent_;  // of its text
  std::array<output, 2> outputs_;
  std::span<const char> input_;
  std::optional<std::size_t> written_;  // of what was given to write(), until that is reported
  credit_window input_credit_;
  input_state input_state_ = input_state::open;
};

}  // namespace

std::unique_ptr<transport> make_tree_transport(loop& on, intrusive_ptr<tree_root> root,
                                               const host& where, remote_text_maker text_of,
                                               std::string terminal, const tree_place& place) {
  return std::make_unique<tree_transport>(on, std::move(root), where, text_of, std::move(terminal),
                                          place);
}

std::unique_ptr<transport> make_tree_connection(loop& on, intrusive_ptr<tree_root> root,
                                                const host& from, std::string to) {
  return std::make_unique<tree_transport>(on, std::move(root), from, std::move(to));
}

}  // namespace execo::detail
