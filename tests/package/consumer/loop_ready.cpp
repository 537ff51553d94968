// A loop of tasks that complete at once, far more than a stack has room for, in a build where the
// compiler makes a call of each transfer.
#include <execo/sync_wait.hpp>
#include <execo/task.hpp>

namespace {

execo::task<long> ready(long i) { co_return i; }

execo::task<long> sum(long count) {
  long all = 0;
  for (long i = 0; i < count; ++i) all += co_await ready(i);
  co_return all;
}

}  // namespace

int main() {
  constexpr long count = 1'000'000;
  return execo::sync_wait(sum(count)) == count * (count - 1) / 2 ? 0 : 1;
}
