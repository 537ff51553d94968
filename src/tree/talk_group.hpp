// What the commands of one action say to each other: the root passes it on.
//
// Who sends waits until each receiver has room, so that what is on its way to a command is bounded
// by its window, and what waits here by one message of each sender. It reserves room from one
// receiver to the next, in the order of their ranks: so two that send to the same ones do not wait
// for each other. A barrier or reduction is over once all commands that are there have come to it.
//
//   member   coming -> here, by join() -> gone, by leave(); gone -> here, when it is tried again
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "execo/detail/talk_waiter.hpp"
#include "loop/loop.hpp"
#include "wire/talk_messages.hpp"

namespace execo::detail {

/// The way to the hosts of one child of the root.
using talk_link = std::uint32_t;

/// Where what a group has to tell goes.
class talk_way {
 public:
  virtual void tell(talk_link link, deliver_message what) = 0;
  virtual void tell(talk_link link, accepted_message what) = 0;
  virtual void tell(talk_link link, gathered_message what) = 0;

 protected:
  ~talk_way() = default;
};

/// What a reduction has come to.
class talk_result {
 public:
  reduce_value value;
  std::uint32_t took = 0;
  std::map<std::string, std::uint64_t, std::less<>> counts;  // of a histogram
  std::string text;                                          // of a fold, and of a histogram
};

class talk_group final : public ref_counted {
 public:
  using text_of_rank = std::pair<std::uint32_t, std::string>;
  using fold_call = std::function<std::string(std::vector<text_of_rank>)>;
  using result_call = std::function<void(const talk_result&)>;

  explicit talk_group(std::uint32_t ranks) : members_(ranks + std::size_t{1}) {
    members_[root_rank].at = presence::here;
  }
  static constexpr std::uint32_t root_rank = 0;
  std::uint32_t ranks() const noexcept { return static_cast<std::uint32_t>(members_.size() - 1); }

  // -- before it begins
  void set_on_reduced(result_call call) { on_reduced_ = std::move(call); }
  void set_fold(fold_call call) { fold_ = std::move(call); }

  /// Where it is from now on. False: it is on another loop. Thread: any.
  bool place(loop& on) noexcept {
    loop* none = nullptr;
    return home_.compare_exchange_strong(none, &on, std::memory_order_acq_rel) || none == &on;
  }

  // -- of its commands, on its loop as all that follows
  /// Its number, once it has one.
  std::uint32_t number() const noexcept { return number_; }
  void use(talk_way& way, std::uint32_t number) noexcept {
    way_ = &way;
    number_ = number;
  }
  void join(std::uint32_t rank, std::uint32_t host, talk_link link);
  /// Also of one that never came, and again.
  void leave(std::uint32_t rank);
  /// All that are reached that way.
  void lose(talk_link link);
  /// The action is over. Nobody waits any more.
  void close() noexcept;
  bool is_closed() const noexcept { return is_closed_; }
  /// Frames of hosts that are reached that way. False: they break the rules.
  bool take(talk_link link, const say_message& what);
  bool take(talk_link link, const consumed_message& what);
  bool take(talk_link link, const contribute_message& what);

  // -- of the root itself
  /// `waiter` is told once it is on its way; it may be so at once. Pre: no rank above ranks().
  void send(index_ranges to, std::string bytes, talk_waiter& waiter);
  /// It does not wait any more: what it sends may still be sent.
  void forget(talk_waiter& waiter) noexcept;
  /// `waiter` is told when receive() has something or never will have; it may be so at once.
  void await_message(talk_waiter& waiter);
  /// Nothing: none is there.
  std::optional<text_of_rank> receive();

 private:
  enum class presence : std::uint8_t { coming, here, gone };
  class sending {
   public:
    std::uint32_t from = 0;
    bool is_orphan = false;  // its sender has gone
    index_ranges to;         // what is left to ask for room
    index_ranges placed;     // that have room for it
    std::string bytes;
    talk_waiter* waiter = nullptr;  // of the root
  };
  using sending_ref = std::unique_ptr<sending>;
  class member {
   public:
    presence at = presence::coming;
    sending* sends = nullptr;  // and is not accepted yet
    bool contributed = false;  // to what is being reduced
    std::uint32_t host = 0;
    talk_link link = 0;
    std::size_t on_its_way = 0;       // that it has not taken
    std::deque<sending_ref> waiting;  // for room there
  };

  /// False: none was ever of that host. Null: it has gone.
  bool find(talk_link link, std::uint32_t host, member*& found);
  void place(sending_ref what);
  void pass_on(const sending& what);
  void give_to_root(const sending& what);
  void go_on(std::uint32_t rank);
  void refuse(const member& whom, const reduce_value& value, std::string_view why);
  void look_for_end();
  void end_reduction();
  void make_text(talk_result& found, std::string& problem);
  template <class Message>
  void send_to_all(Message what, const index_ranges& ranks);

  std::atomic<loop*> home_{nullptr};
  std::vector<member> members_;  // by rank
  std::unordered_map<std::uint32_t, std::uint32_t> ranks_of_hosts_;
  std::deque<text_of_rank> inbox_;  // of the root
  list_node receivers_;             // talk_waiter
  std::size_t here_ = 0, gone_ = 0;
  std::uint32_t contributed_ = 0;
  index_ranges contributors_;        // ranks
  reduce_value value_;               // of those so far
  std::vector<text_of_rank> texts_;  // of a fold
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  result_call on_reduced_;
  fold_call fold_;
  talk_way* way_ = nullptr;
  std::uint32_t number_ = 0;
  bool is_closed_ = false;
};

}  // namespace execo::detail
