// Where output can go: kept in part, to a file, to a handler, to several at once.
#include <fmt/format.h>

#include <stdlib.h>

#include <execo/execo.hpp>
#include <filesystem>

execo::task<int> sinks(std::string folder) {
  // The first and the last 32 KiB of a long output, and how much was dropped in between.
  auto ends = execo::overflow::head_and_tail();
  auto noisy = execo::process("seq 1000000").out(execo::capture(65536, ends));
  execo::result r = co_await std::move(noisy).run();
  fmt::print("{} bytes, {} of them dropped\n", r.out_bytes(), r.out_dropped());

  // A leftover process keeps its output open.
  auto whole = execo::process("sleep 2 & echo early").shell().require_complete_output();
  r = co_await std::move(whole).run();
  fmt::print("{}: {}\n", to_string(r.how()), r.describe());

  // A file that appears when it is complete; both streams in the order of writing.
  std::string log = folder + "/build.log";
  auto build = execo::process("echo compiling; echo warning >&2").shell();
  r = co_await build.out(execo::to_file(log)).err(execo::merged()).run();
  fmt::print("{} has {} bytes\n", log, std::filesystem::file_size(log));

  // Each line goes to a handler, all of it to a file, and the result has it as well.
  int count = 0;
  auto handler = [&count](std::string_view) { ++count; };
  auto all = execo::tee(execo::lines(handler), execo::append(log), execo::capture());
  r = co_await execo::process("seq 5").out(all).run();
  fmt::print("{} lines, {} bytes kept\n", count, r.out.size());
  co_return count == 5 && r.out.size() == 10 ? 0 : 1;
}

int main() {
  char folder[] = "/tmp/execo-example-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  int status = execo::sync_wait(sinks(folder));
  std::filesystem::remove_all(folder);
  return status;
}
