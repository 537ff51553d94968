// A handler starts more work: each host is tested as soon as its own build has succeeded.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<> test_of(std::string name) {
  execo::result r = co_await execo::process("true").run();
  fmt::print("{}: tests {}\n", name, r.ok() ? "pass" : "fail");
}

execo::task<int> chained() {
  std::size_t begun = 0;
  auto build_and_test = [&](execo::scope& tests) -> execo::task<> {
    execo::local builds("test $EXECO_HOST != n2", "n[1-3]");
    builds.shell().on_end([&](const execo::ended_command& e) {
      if (!e.result.ok()) return;
      ++begun;
      tests.spawn(test_of(e.host.name()));
    });
    co_await builds.run();
  };
  // Joins the tests, too.
  co_await execo::with_scope(std::move(build_and_test));
  co_return begun == 2 ? 0 : 1;
}

int main() { return execo::sync_wait(chained()); }
