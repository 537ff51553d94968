#include "execo/run.hpp"

#include <stdexcept>

#include "execo/sync_wait.hpp"
#include "loop/loop.hpp"

namespace execo {

result run(process what) {
  if (detail::loop::current() != nullptr)
    throw std::logic_error(
        "run() inside a context would wait for itself: co_await process(...).run() instead");
  return sync_wait(std::move(what).run());
}

}  // namespace execo
