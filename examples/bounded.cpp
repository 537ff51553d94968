// Forty commands, four at a time, each made when it is needed; and the outcome of each of a few.
#include <fmt/format.h>

#include <execo/execo.hpp>
#include <ranges>

execo::task<int> bounded() {
  auto square = [](int n) { return execo::process(fmt::format("expr {0} '*' {0}", n)).run(); };
  auto squares = std::views::iota(1, 41) | std::views::transform(square);
  std::vector<execo::result> all = co_await execo::when_all(squares).max_in_flight(4);
  fmt::print("the last of {}: {}", all.size(), all.back().out);

  // when_all ends with the first exception; when_all_settled waits for every operation.
  auto checked = [](std::string command) -> execo::task<std::string> {
    execo::result r = co_await execo::process(command).run();
    co_return r.check().out;
  };
  std::vector<execo::task<std::string>> some;
  some.push_back(checked("echo good"));
  some.push_back(checked("false"));
  some.push_back(checked("no-such-program"));
  auto ends = co_await execo::when_all_settled(std::move(some)).max_in_flight(2);
  int failed = 0;
  for (const auto& end : ends) {
    if (!end.has_value()) ++failed;
  }
  fmt::print("{} of {} failed\n", failed, ends.size());
  co_return all.back().out == "1600\n" && failed == 2 ? 0 : 1;
}

int main() { return execo::sync_wait(bounded()); }
