// The tries of a session that is lost before the end of its key exchange, when no command can have
// begun: whether there is another one, and how long it pauses before it.
#pragma once

#include <cstdint>
#include <optional>

#include "execo/detail/deadline_timer.hpp"
#include "execo/retry.hpp"
#include "loop/loop.hpp"
#include "process/failure.hpp"

namespace execo::detail {

class session_retries {
 public:
  /// The first try was begun at `begun`. `max`: tries besides that one; nullopt: as many as there
  /// is time for. `due` is called when the next one is to begin.
  session_retries(loop& home, std::optional<unsigned> max, clock::time_point begun, delegate<> due);

  /// A try has failed. True: it pauses now, and another one follows.
  bool go_on_after(const failed_try& lost);
  /// The pause is over.
  bool is_due() const noexcept { return stage_ == stage::pausing && !pause_.armed(); }
  /// The next try begins.
  void begin() noexcept;
  clock::time_point first_begun() const noexcept { return first_begun_; }

  /// The last one that failed; says how many there were.
  failed_try last() const;
  /// It is the cause, for who has no time left. False: the present try has had as much time as all
  /// before it together.
  bool explains_deadline() const noexcept;

 private:
  enum class stage : std::uint8_t { trying, pausing };

  loop& home_;
  const bool is_limited_;
  retry_plan plan_;
  deadline_timer pause_;
  const clock::time_point first_begun_;
  clock::time_point last_begun_;
  failed_try last_;
  unsigned failed_ = 0;
  stage stage_ = stage::trying;
};

}  // namespace execo::detail
