#include "action/host_run.hpp"

namespace execo::detail {

host_run::host_run(action_state& owner, std::size_t index)
    : owner_(owner),
      index_(index),
      run_(new lifecycle(*owner.home_, owner.shared_, owner.factory_(owner.hosts[index]),
                         owner.limits)) {
  run_->attach(static_cast<end_observer&>(*this));
  if (!owner.on_line) return;
  lines_ = std::make_unique<splitters>();
  run_->set_tap(this);
}

void host_run::start() { run_->start(); }

host_result host_run::take_result() {
  return host_result(owner_.hosts[index_], index_, run_->take_result());
}

void host_run::on_end(lifecycle&) noexcept {
  if (lines_) finish_lines();
  owner_.host_ended(*this);
}

void host_run::on_output(lifecycle&, stream which, std::span<const char> bytes) {
  line_splitter& splitter = which == stream::out ? lines_->out : lines_->err;
  splitter.feed(bytes, [&](std::string_view text, bool complete) { line(which, text, complete); });
}

void host_run::finish_lines() {
  for (stream which : {stream::out, stream::err}) {
    line_splitter& splitter = which == stream::out ? lines_->out : lines_->err;
    splitter.finish([&](std::string_view text, bool complete) { line(which, text, complete); });
  }
}

// A handler is the caller's code: its exception belongs to whoever awaits the action.
void host_run::line(stream from, std::string_view text, bool complete) {
  try {
    owner_.on_line(output_line(owner_.hosts[index_], index_, from, text, complete));
  } catch (...) {
    owner_.fail(std::current_exception());
  }
}

}  // namespace execo::detail
