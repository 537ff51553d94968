#include "transfer/copy_execution.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "transfer/transfer_result.hpp"

namespace execo::detail {

copy_execution::copy_execution(loop& on, intrusive_ptr<lifecycle> peer, copy_share& shared,
                               std::string mark, delegate<> turn)
    : lines_(std::move(mark)),
      loop_(on),
      peer_(std::move(peer)),
      shared_(shared),
      rate_(shared.bytes_a_second),
      turn_(turn, "rate limit of a copy"),
      stall_(delegate<>::to<&copy_execution::stalled>(this), "idle timeout of a copy") {}

void copy_execution::start() {
  assert(!peer_->started());
  on_start();
  peer_->attach(static_cast<end_observer&>(*this));
  peer_->set_tap(static_cast<output_tap*>(this));
  peer_->disable_end_log();
  peer_->start();
}

void copy_execution::on_running(execution&) {
  if (tap_ != nullptr) tap_->on_running(*this);
  note_progress();
  on_begun();
}

void copy_execution::on_output(execution&, stream which, std::span<const char> bytes) {
  note_progress();
  if (which == stream::out) on_answer(bytes);
}

void copy_execution::note_progress() {
  if (shared_.idle_timeout.count() > 0) loop_.arm_after(stall_, shared_.idle_timeout);
}

void copy_execution::stalled() {
  is_stalled_ = true;
  cancel(by_policy);
}

bool copy_execution::wait_for_rate(std::size_t bytes) {
  clock::duration wait =
      std::max(rate_.take(bytes, loop_.now()), shared_.rate.take(bytes, loop_.now()));
  if (wait.count() == 0) return false;
  loop_.arm_after(turn_, wait);
  return true;
}

copy_failure copy_execution::failure_of(const std::exception_ptr& error) noexcept {
  return copy_failure(error_of(error), "");
}

void copy_execution::on_end(execution&) noexcept {
  loop_.disarm(turn_);
  loop_.disarm(stall_);
  result_ = peer_->take_result();
  is_ignored_ = is_ignored();
  judge();
  let_go();
  assert(ended());
  if (logs_end_) log(end_level(result_), [this] { return result_.describe(); });
  if (tap_ != nullptr) tap_->on_ending(*this);
  // An observer may drop the last outside reference.
  intrusive_ptr<copy_execution> alive(this);
  notify_observers();
}

// The script says something before it ends, whatever it meets.
bool copy_execution::is_ignored() const noexcept {
  const end_reason how = result_.how();
  if (how == end_reason::connect_failed)
    return result_.phase() == phase::open && result_.error() == std::errc::not_supported;
  const bool has_ended = how == end_reason::exited || how == end_reason::status_lost;
  return has_ended && !failed_ && !lines_.has_found();
}

// Of a peer that ended by itself: what it said counts, not its exit code.
void copy_execution::judge() noexcept {
  if (is_stalled_ && result_.how() == end_reason::cancelled) return set_idle_timeout(result_);
  const bool is_ours = failed_ && result_.how() == end_reason::cancelled;
  if (result_.how() != end_reason::exited && !is_ours && !knows_outcome()) return;
  contain(
      [this] {
        copy_failure found = failed_ ? std::move(failed_) : judged();
        if (found) return set_transfer_failed(result_, std::move(found));
        if (result_.how() != end_reason::exited) set_copied(result_);
      },
      [this](const std::exception_ptr& error) { set_transfer_failed(result_, failure_of(error)); });
}

}  // namespace execo::detail
