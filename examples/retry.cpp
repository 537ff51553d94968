// A command that fails twice before it works, tried again with growing pauses; all retries of a
// program share one budget.
#include <unistd.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <iostream>

using namespace std::chrono_literals;

execo::task<int> insist(std::string counter) {
  // Succeeds from the third time on: each run adds a line to a file.
  std::string script = "echo x >> " + counter + "; test $(wc -l < " + counter + ") -ge 3";
  execo::retry_budget shared;
  auto policy = execo::retry_policy().attempts(5).backoff(10ms, 2, 1s).budget(5s).budget(shared);
  auto attempt = [&] { return execo::process(script).shell().timeout(2s).run(); };
  execo::result r = co_await execo::retry(policy, attempt);
  std::cout << r.describe() << ", retries left: " << shared.left() << '\n';

  // The caller says what counts as a failure.
  auto until_empty = policy.when([](const execo::result& end) { return !end.out.empty(); });
  auto list = [&] { return execo::process("cat " + counter).run(); };
  execo::result lines = co_await execo::retry(until_empty, list);
  co_return r.ok() && lines.out == "x\nx\nx\n" ? 0 : 1;
}

int main() {
  auto file = std::filesystem::temp_directory_path() /
              ("execo-retry-example-" + std::to_string(::getpid()));
  int status = execo::sync_wait(insist(file.string()));
  std::filesystem::remove(file);
  return status;
}
