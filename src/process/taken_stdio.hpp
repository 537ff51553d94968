// What the sinks, the source and the passed descriptors of a command name, as it is when its start
// is asked for: descriptors are kept under numbers of our own, and relative paths begin at the
// directory of that moment. The caller may close, reuse and change all of them afterwards.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "execo/command.hpp"
#include "io/stdio_spec.hpp"
#include "process/surroundings.hpp"

namespace execo::detail {

/// A cheap copy: the hosts of an action share what was taken.
class taken_stdio {
 public:
  /// None of them.
  taken_stdio() = default;
  /// Thread: the one that asks for the start, and no other.
  static taken_stdio now(const command& what, surroundings::caller then);

  /// Null: the default.
  const sink_spec* out() const noexcept { return stdio_access::of(out_); }
  const sink_spec* err() const noexcept { return stdio_access::of(err_); }
  const source_spec* in() const noexcept { return stdio_access::of(in_); }
  struct passed {
    int ours;
    int theirs;
    std::string name;
  };
  /// Other than the standard streams.
  const std::vector<passed>& extra_descriptors() const noexcept;
  /// The error if a descriptor could not be taken, and in `context` the step and the descriptor.
  std::error_code problem(std::string& context) const;

  /// A copy with other paths: `change` is called with each one, those of the source, of the
  /// output and of the error, in this order. Where they begin stays as it was.
  using path_change = std::function<void(std::string& path)>;
  taken_stdio with_paths(const path_change& change) const;

  /// A reader of the other end of what was lent waits for this.
  void release() noexcept { held_.reset(); }

 private:
  friend class stdio_taker;
  struct holding {
    std::vector<std::shared_ptr<const unique_fd>> descriptors;
    std::vector<passed> extra_descriptors;
    std::error_code problem;
    std::string context;
  };

  sink out_, err_;
  source in_;
  std::shared_ptr<const holding> held_;
};

}  // namespace execo::detail
