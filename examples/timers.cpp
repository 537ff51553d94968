// Something to do every hundred milliseconds, three times. The times do not drift.
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> tick(execo::duration interval, int times) {
  execo::ticker every(interval);
  execo::timer since;
  for (int i = 1; i <= times && co_await every.next() > 0; ++i)
    std::cout << "tick " << i << " after " << execo::format_duration(since.elapsed()) << "\n";
  co_return since.elapsed() >= times* interval ? 0 : 1;
}

int main() { return execo::sync_wait(tick(std::chrono::milliseconds(100), 3)); }
