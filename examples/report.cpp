// A report on several commands: a table for people, JSON for programs, and handlers.
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> work() {
  execo::report nightly("nightly");
  std::size_t lines = 0;

  auto list = execo::process("ls /");
  list.on_line([&](const execo::output_line&) { ++lines; });
  list.on_end([](const execo::ended_command& c) { std::cout << c.result.describe() << '\n'; });
  execo::result listed = co_await list.run();
  nightly.add(listed);
  execo::result missing = co_await execo::process("ls /does-not-exist").run();
  nightly.add(missing, "a failure");

  // A report in a report is an entry with parts: its total, then its own entries.
  execo::report all("everything");
  all.add(nightly);
  bool colors = execo::use_colors(execo::color_mode::automatic, 1);
  std::cout << all.to_string(execo::report_options().wide().colors(colors));
  std::cout << all.to_json() << '\n';
  co_return lines > 0 && all.stats().bad_exits == 1 ? 0 : 1;
}

int main() { return execo::sync_wait(work()); }
