// says: co_await std::move(it)
#include <execo/task.hpp>

execo::task<int> answer() { co_return 42; }

execo::task<int> twice() {
  auto t = answer();
  int n = co_await t;
  co_return 2 * n;
}
