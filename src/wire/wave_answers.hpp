// The answers to a wave on their way up, at an agent: one frame for all of its children, but for
// those that are late.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "wire/index_ranges.hpp"
#include "wire/wave_messages.hpp"

namespace execo::detail {

/// Pure. Of one wave, the last that has begun. Children are numbers.
class wave_answers {
 public:
  /// Host `self` has answered, and `asked`, in ascending order, are to. What was before is
  /// forgotten. Pre: number is above number().
  void begin(std::uint32_t number, std::uint32_t self, std::vector<std::uint32_t> asked);
  /// 0: there was none.
  std::uint32_t number() const noexcept { return number_; }

  /// False if it breaks the protocol: the child was not asked, or a host answers twice. What is
  /// for a wave before is not looked at.
  bool take(std::uint32_t child, const answers_message& what);
  /// These are lost: they are not said to have answered from now on.
  void lose(const index_ranges& hosts) { unsaid_ -= hosts; }
  /// Children that are no more, as `is_gone(child)` says, are not waited for.
  template <class Test>
  void forget_if(Test is_gone) {
    std::erase_if(awaited_, is_gone);
  }
  /// Who is late is passed on as it comes.
  void stop_waiting() noexcept { awaited_.clear(); }

  /// There is something to say, and each child has said something.
  bool is_due() const noexcept { return awaited_.empty() && !unsaid_.empty(); }
  index_ranges take_answers() noexcept;

 private:
  std::uint32_t number_ = 0;
  std::vector<std::uint32_t> asked_;
  std::vector<std::uint32_t> awaited_;  // of them, those that have said nothing
  index_ranges answered_;
  index_ranges unsaid_;  // of them, those that the parent does not know of
};

}  // namespace execo::detail
