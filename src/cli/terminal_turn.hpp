// Who writes on the terminal: the output of a run, or a question to the user.
#pragma once

#include <mutex>

namespace execo::cli {

class terminal_turn {
 public:
  /// Held while a question is on the terminal, and for each write to it.
  std::recursive_mutex mutex;
  /// Its last line is one of progress. Under the mutex.
  bool shows_progress = false;
};

}  // namespace execo::cli
