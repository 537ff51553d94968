// Writes to a process and reads its answers, over two pipes.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> feed() {
  auto calculator = execo::process("while read a b; do echo $((a * b)); done").shell();
  calculator.in(execo::pipe()).start();
  int sum = 0;
  for (int n = 1; n <= 10; ++n) {
    std::string question = fmt::format("{} {}\n", n, n);
    co_await calculator.in().write(question);
    auto answer = co_await calculator.out().next_line();
    if (!answer) break;
    sum += std::stoi(*answer);
  }
  calculator.in().close();  // end of file: the process ends by itself
  execo::result end = co_await calculator.wait();
  fmt::print("{}; the squares make {}\n", end.describe(), sum);
  co_return end.ok() && sum == 385 ? 0 : 1;
}

int main() { return execo::sync_wait(feed()); }
