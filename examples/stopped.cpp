// A stop from outside while two of five processes run, and the result of each of them.
#include <fmt/format.h>

#include <execo/execo.hpp>
#include <ranges>
#include <stop_token>

using namespace std::chrono_literals;

execo::task<int> demo() {
  std::stop_source stop;
  auto sleeper = [](int) { return execo::process("sleep 60").run(); };
  auto stop_later = [&stop]() -> execo::task<> {
    co_await execo::sleep(100ms);
    stop.request_stop();
  };

  auto runs = std::views::iota(0, 5) | std::views::transform(sleeper);
  auto settled = execo::when_all_settled(runs).max_in_flight(2);
  auto stoppable = execo::with_stop(std::move(settled), stop.get_token());
  auto [ends, none] = co_await execo::when_all(std::move(stoppable), stop_later());

  int cancelled = 0;
  for (const auto& end : ends) {
    if (end.has_value() && end.value().how() == execo::end_reason::cancelled) ++cancelled;
    fmt::print("{}\n", end.has_value() ? end.value().describe() : "did not begin");
  }
  co_return cancelled == 2 ? 0 : 1;
}

int main() { return execo::sync_wait(demo()); }
