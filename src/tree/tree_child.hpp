// The root's end of one link: the way to a host, the start of an agent there, then frames.
//
//   state     meaning                          leaves by
//   idle      not started                      start: reaching
//   reaching  stage 1 is on its way, or runs   its answer: loading
//   loading   the image is on its way          it starts: greeting
//   greeting  the agent is to say who it is    its hello: open
//   open      frames go both ways              leave: parting
//   parting   a goodbye is on its way          20 s: the way is cut
//   ended     child_ended() was called
//
// From each state the end of the way leads to ended. What is wrong with the bytes ends the way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "process/execution.hpp"
#include "process/failure.hpp"
#include "process/lifecycle.hpp"
#include "tree/agent_image.hpp"
#include "tree/owned_step.hpp"
#include "wire/bootstrap.hpp"
#include "wire/link.hpp"

namespace execo::detail {

class tree_child;

/// On the loop of the tree.
class tree_child_owner {
 public:
  /// Its agent has said hello: frames may be sent.
  virtual void child_up(tree_child& child) = 0;
  /// Valid during the call. Frames of the link itself are not among them.
  virtual void child_frame(tree_child& child, const frame& f) = 0;
  /// What was refused for want of room may be sent again.
  virtual void child_has_room(tree_child& child) noexcept = 0;
  /// The last event: why there is no agent, or none any more.
  virtual void child_ended(tree_child& child, host_failure why, failure what) noexcept = 0;

 protected:
  ~tree_child_owner() = default;
};

class tree_child final : public ref_counted, private end_observer, private output_tap {
 public:
  /// `way`: stage1_command() on the host, with an input and without a cap for its output.
  tree_child(loop& on, tree_child_owner& owner, intrusive_ptr<lifecycle> way, bytes16 nonce,
             welcome_message welcome);
  ~tree_child() override;

  void start();
  std::uint32_t index() const noexcept { return welcome_.index; }
  bool is_open() const noexcept { return state_ == state::open; }
  /// What its agent has said of itself. Pre: child_up() was called.
  const hello_message& hello() const noexcept { return hello_; }
  /// How long it took from the start until the hello. Pre: as above.
  clock::duration connect_time() const noexcept { return connect_time_; }

  /// With all that its start took.
  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }
  std::uint64_t bytes_received() const noexcept { return bytes_received_; }
  /// By its agent and those behind it, as it has said with its goodbye: no more agents than it had
  /// hosts.
  agent_usage used() const noexcept;

  /// Pre: is_open().
  void hand_over(const index_ranges& hosts) { link_->hand_over(hosts); }
  void take_back(const index_ranges& hosts) { link_->take_back(hosts); }
  /// It may speak for these, itself among them. Pre: child_up() was called.
  const index_ranges& served() const noexcept { return link_->served(); }
  template <class Message>
  send_result send(const Message& message) {
    if (state_ != state::open) return send_result::over;
    send_result sent = link_->send(message);
    write_soon();
    return sent;
  }
  /// The user has found a violation.
  void refuse(wire_fault fault, std::string_view about);
  /// Says goodbye: the agent ends what runs below it, and itself. The end follows.
  void leave();
  /// Ends the way at once.
  void cut() noexcept { way_->cancel(execution::by_policy); }

 private:
  enum class state : std::uint8_t { idle, reaching, loading, greeting, open, parting, ended };

  bool may_begin(execution&) noexcept override { return state_ != state::ended; }
  void on_running(execution&) override;
  void on_output(execution&, stream which, std::span<const char> bytes) override;
  void on_end(execution&) noexcept override;

  void give_up(const char* why);
  void read_stage1(std::span<const char>& bytes);
  void read_frames(std::span<const char> bytes);
  void send_opening();
  void send_image();
  void greeted();
  void write_soon();
  void write_more();
  void write(std::span<const char> bytes);
  void on_written(std::size_t left, bool closed);
  void time_passed();
  void watch_time();
  void check_link();
  void part();
  failure found_failure(host_failure& why);

  loop& loop_;
  tree_child_owner& owner_;
  intrusive_ptr<lifecycle> way_;
  bytes16 nonce_;
  welcome_message welcome_;
  stage1_reader stage1_;
  std::optional<link> link_;  // from greeting on
  hello_message hello_;
  std::string header_;           // the line before the image, until it is written
  std::string plain_;            // the image, where a host cannot unpack it
  std::span<const char> image_;  // to be written behind what is being written
  std::string sending_;          // given to the way, not yet taken by it
  owned_step write_step_;
  deadline_timer time_;  // until there is a link, then until that has something to do
  std::string_view why_given_up_;
  std::string goodbye_;  // what the agent said last
  agent_usage used_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  clock::time_point begun_{};
  clock::duration connect_time_{};
  result end_;
  state state_ = state::idle;
  bool writes_ = false;  // a write is in flight
};

}  // namespace execo::detail
