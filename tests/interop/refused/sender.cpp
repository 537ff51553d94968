// says: co_await execo::as_awaitable(std::move(it))
#include <execo/task.hpp>

struct just {
  using sender_concept = int;
};

execo::task<> wait() { co_await just(); }
