// When orphans are to be looked at again: what is left of commands that were ended may fork while
// it is being killed, or begin another program just now, and then has no environment to be known
// by.
#pragma once

#include <cstdint>

namespace execo::agent {

enum class next_look : std::uint8_t {
  none,     // nothing is left behind
  at_ends,  // some were killed: when they have ended
  soon,     // the owner of some is not known yet
};

class orphan_looks {
 public:
  /// What one look has found: whether some were killed, and whether the owner of some is not known.
  next_look after(bool killed, bool unsure) noexcept {
    if (killed) return next_look::at_ends;
    if (unsure && again_ < most) {
      ++again_;
      return next_look::soon;
    }
    again_ = 0;
    return next_look::none;
  }

 private:
  static constexpr int most = 50;  // that are soon, in a row
  int again_ = 0;
};

}  // namespace execo::agent
