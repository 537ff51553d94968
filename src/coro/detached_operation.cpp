#include "execo/detail/detached_operation.hpp"

#include <atomic>
#include <cstdio>

#include "base/end_program.hpp"
#include "execo/context.hpp"
#include "execo/detail/cross_loop_stop.hpp"
#include "execo/time.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// A request travels to the loop at most once, and only while the loop is certain to be there:
/// the end is not reported before a request that is in flight has arrived.
class detached_operation::core final : public loop_member {
 public:
  core(detached_operation& owner, loop& on)
      : owner_(owner),
        loop_(on),
        group_(delegate<>::to<&core::body_done>(this)),
        start_step_(delegate<>::to<&core::begin>(this)),
        stop_(delegate<>::to<&core::on_stop_arrived>(this)) {}

  void launch() {
    retain();
    loop_.post(start_step_);
  }

  void request_stop(stop_kind kind) noexcept { stop_.request(loop_, kind); }

  void body_done() {
    done_ = true;
    if (stop_.close()) finish();
  }

  void start(std::coroutine_handle<> body, task_promise_base& promise) noexcept {
    group_.start(loop_, body, promise);
  }

  void shut_down() noexcept override { group_.request_stop(stop_kind::end); }
  void describe(std::vector<std::string>& lines, clock::time_point now) const override {
    lines.push_back("started operation, for " + format_duration(now - since_) +
                    (group_.stop_requested() ? ", asked to stop" : ""));
  }

  loop& affinity() const noexcept { return loop_; }
  bool begun() const noexcept { return begun_.load(std::memory_order_relaxed); }

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete &owner_;
  }

 private:
  void begin() noexcept {
    since_ = clock::now();
    begun_.store(true, std::memory_order_relaxed);
    loop_.adopt(*this);
    owner_.begin();
  }

  void on_stop_arrived() noexcept {
    const stop_kind kind = stop_.accept();
    if (done_) {
      finish();
    } else {
      group_.request_stop(kind);
    }
  }

  void finish() noexcept {
    unlink();
    owner_.on_end();
    release();
  }

  detached_operation& owner_;
  loop& loop_;
  detached_group group_;
  queue_node start_step_;
  cross_loop_stop stop_;
  std::atomic<unsigned> references_{0};
  clock::time_point since_{};
  std::atomic<bool> begun_{false};
  bool done_ = false;
};

detached_operation::detached_operation(loop& affinity)
    : core_(std::make_unique<core>(*this, affinity)) {}
detached_operation::~detached_operation() = default;

void detached_operation::launch() { core_->launch(); }
void detached_operation::request_stop(stop_kind kind) noexcept { core_->request_stop(kind); }
loop& detached_operation::affinity() const noexcept { return core_->affinity(); }
bool detached_operation::begun() const noexcept { return core_->begun(); }
void detached_operation::start(std::coroutine_handle<> body, task_promise_base& promise) noexcept {
  core_->start(body, promise);
}

void retain(detached_operation& r) noexcept { r.core_->retain(); }
void release(detached_operation& r) noexcept { r.core_->release(); }

void warn_not_driven(const char* who) noexcept {
  char text[160];
  std::snprintf(text, sizeof text,
                "%s waits for a context that nobody drives: run() it on another thread, or poll() "
                "it, or use the default context",
                who);
  warn(text);
}

loop& loop_for(context* chosen) {
  return chosen != nullptr ? loop_of(*chosen) : loop_or_default(nullptr);
}

bool is_cancelled(const std::exception_ptr& error) noexcept {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const operation_cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace execo::detail
