#include "execo/start.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/end_program.hpp"
#include "loop/loop.hpp"

namespace execo {
namespace detail {

void refuse_in_a_context(const char* what) {
  if (loop::current() != nullptr)
    throw std::logic_error(std::string(what) +
                           " inside a context would wait for itself: co_await instead");
}

void started_operation::on_end() noexcept {
  gate expected = gate::open;
  if (gate_.compare_exchange_strong(expected, gate::calling)) {
    try {
      deliver();
    } catch (...) {
      end_program_of_exception("a callback given to start() threw: ");
    }
    gate_.store(gate::closed, std::memory_order_release);
    gate_.notify_all();
  } else {
    drop_body();
  }
}

void started_operation::abandon() noexcept {
  gate seen = gate::open;
  if (gate_.compare_exchange_strong(seen, gate::dropped)) {
    drop_callback();
    request_stop();
    return;
  }
  // On the loop's own thread, a call that has begun is one that we are inside of.
  if (seen != gate::calling || is_current(affinity())) return;
  while (gate_.load(std::memory_order_acquire) == gate::calling) gate_.wait(gate::calling);
}

void started_operation::wait_for_end() {
  refuse_in_a_context("join()");
  auto limit = std::chrono::steady_clock::now() + driver_wait();
  while (!begun() && !over() && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (!begun() && !over()) warn_not_driven("join()");
  for (gate seen = gate_.load(std::memory_order_acquire); seen != gate::closed;
       seen = gate_.load(std::memory_order_acquire))
    gate_.wait(seen);
}

}  // namespace detail

void started::request_stop() noexcept {
  if (state_) state_->request_stop();
}

bool started::done() const noexcept { return !state_ || state_->over(); }

void started::join() {
  if (state_) state_->wait_for_end();
}

void started::release() noexcept {
  if (state_) state_->abandon();
  state_ = detail::started_ref(nullptr);
}

}  // namespace execo
