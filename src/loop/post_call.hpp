// Callables on a loop's thread, in the order of the calls. For the rare moves between threads: they
// allocate.
#pragma once

#include <memory>
#include <utility>

#include "base/end_program.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

template <class Call>
void post_call(loop& where, Call call) {
  struct call_node : queue_node {
    explicit call_node(Call c)
        : queue_node(delegate<>::to<&call_node::call>(this)), work(std::move(c)) {}
    void call() noexcept {
      std::unique_ptr<call_node> mine(this);
      try {
        work();
      } catch (...) {
        end_program_of_exception("a function given to post() threw: ");
      }
    }
    Call work;
  };
  where.post(*new call_node(std::move(call)));
}

/// At once when the calling thread drives the loop, else as post_call.
template <class Call>
void run_on(loop& where, Call call) {
  if (loop::current() == &where) {
    call();
  } else {
    post_call(where, std::move(call));
  }
}

}  // namespace execo::detail
