// Ctrl-C stops the commands, and their results still come; a second one ends the program at once.
// ctest: args 0.1
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> work(const char* seconds) {
  execo::result r = co_await execo::process("sleep").args(seconds).run();
  std::cout << r.describe() << "\n";
  co_return r.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return execo::run_main(work(argc > 1 ? argv[1] : "60")); }
