// A wave over the agents of a tree, at its root: all that are up are asked whether they are there.
//
//   idle       nobody is asked           begin: under_way
//   under_way  answers are awaited       the last answer or loss, the time: over; stop: idle
//   over       it is told from the loop  that, or stop: idle
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loop/loop.hpp"
#include "tree/owned_step.hpp"
#include "tree/tree_hosts.hpp"
#include "tree/tree_links.hpp"

namespace execo::detail {

/// A part of `owner`.
class tree_wave {
 public:
  tree_wave(loop& on, ref_counted& owner, const tree_hosts& hosts, const tree_links& links);

  /// `over` is called from the loop, once, unless it is stopped. Pre: is_idle(); within > 0.
  void begin(clock::duration within, delegate<> over);
  bool is_idle() const noexcept { return state_ == state::idle; }
  /// Nobody waits for it any more.
  void stop() noexcept;

  /// Answers that came that way. False if they break the protocol.
  bool take(std::uint32_t link, const frame& f);
  /// The agent of that host is lost.
  void lose(std::uint32_t host) noexcept;

  void describe(std::vector<std::string>& lines) const;

  // -- of the last one ----------------------------------------------------------------------------
  std::size_t answered() const noexcept { return answered_; }
  /// Those that were asked and have not answered, in order.
  std::vector<std::uint32_t> silent() const;
  clock::duration took() const noexcept { return took_; }

 private:
  enum class state : std::uint8_t { idle, under_way, over };
  enum class mark : std::uint8_t { not_asked, asked, answered, lost };

  void end() noexcept;
  void tell();

  loop& loop_;
  const tree_hosts& hosts_;
  const tree_links& links_;
  owned_step over_step_;
  deadline_timer limit_;
  delegate<> over_;
  state state_ = state::idle;
  std::uint32_t number_ = 0;
  std::vector<mark> marks_;  // by host
  std::size_t awaited_ = 0;
  std::size_t answered_ = 0;
  clock::time_point begun_{};
  clock::duration took_{};
};

}  // namespace execo::detail
