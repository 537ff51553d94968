// One host of an action while it is open.
#pragma once

#include <memory>

#include "action/action_state.hpp"
#include "io/line_splitter.hpp"
#include "process/lifecycle.hpp"

namespace execo::detail {

class host_run;

/// A host's place in its action's list of open ones.
struct open_link : list_node {
  explicit open_link(host_run* r) noexcept : run(r) {}
  host_run* run;
};

class host_run final : private end_observer, private output_tap {
 public:
  host_run(action_state& owner, std::size_t index);

  open_link link{this};

  void start();
  void cancel() noexcept { run_->cancel(); }
  void kill(int signal) noexcept { run_->kill(signal); }
  /// Pre: ended.
  host_result take_result();

 private:
  struct splitters {
    line_splitter out;
    line_splitter err;
  };

  void on_end(lifecycle& run) noexcept override;
  void on_output(lifecycle& run, stream which, std::span<const char> bytes) override;
  void finish_lines();
  void line(stream from, std::string_view text, bool complete);

  action_state& owner_;
  std::size_t index_;
  intrusive_ptr<lifecycle> run_;
  std::unique_ptr<splitters> lines_;
};

}  // namespace execo::detail
