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
    explicit call_node(Call c) : work(std::move(c)) {}
    Call work;
  };
  auto* node = new call_node(std::move(call));
  node->run = [](queue_node& posted) noexcept {
    std::unique_ptr<call_node> mine(&static_cast<call_node&>(posted));
    try {
      mine->work();
    } catch (...) {
      end_program_of_exception("a function given to post() threw: ");
    }
  };
  where.post(*node);
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
