// Reads from a process while it runs: each line when it is complete, then the end.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> read_lines() {
  auto server = execo::process("echo starting; echo ready on 8080; sleep 60").shell().start();
  while (auto line = co_await server.out().next_line()) {
    fmt::print("{}\n", *line);
    if (line->starts_with("ready")) break;
  }
  server.kill();
  execo::result end = co_await server.wait();
  // The capture has all of it, too.
  fmt::print("{} bytes, {}\n", end.out_bytes(), end.describe());
  co_return end.out == "starting\nready on 8080\n" ? 0 : 1;
}

int main() { return execo::sync_wait(read_lines()); }
