// A scope: work that is started as it comes up, and joined on every path.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<> check(std::string name, int& good) {
  execo::result r = co_await execo::process("test").args("-d", name).run();
  if (r.ok()) ++good;
}

execo::task<int> side_by_side() {
  int good = 0;
  auto work = [&good](execo::scope& s) -> execo::task<> {
    for (const char* name : {"/", "/usr", "/tmp"}) s.spawn(check(name, good));
    co_return;
  };
  co_await execo::with_scope(std::move(work));
  fmt::print("{} of 3 are folders\n", good);
  co_return good == 3 ? 0 : 1;
}

int main() { return execo::sync_wait(side_by_side()); }
