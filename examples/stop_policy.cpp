// How a command is ended, and which processes are ended with it.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> ended() {
  // INT first, as a terminal would; then TERM if it does not end; then KILL.
  auto steps = execo::stop_policy().then(SIGINT, 100ms).then(SIGTERM, 5s).then(SIGKILL);
  auto stubborn = execo::process(
                      "trap '' INT; trap 'echo bye; exit 3' TERM; echo ready; "
                      "while :; do sleep 0.05; done")
                      .shell()
                      .stop_policy(steps)
                      .timeout(300ms);
  execo::result r = co_await std::move(stubborn).run();
  fmt::print("{}, and said:\n{}", r.describe(), r.out);

  // A command whose children make their own groups: its whole session is ended.
  auto family = execo::process("set -m; sleep 300 & sleep 300 & wait")
                    .shell()
                    .kill_scope(execo::kill_scope::session)
                    .timeout(200ms);
  execo::result all = co_await std::move(family).run();
  fmt::print("{}; {} ended with it\n", all.describe(), all.ended_with_it());

  // Any end is fine here and is not logged as a warning.
  auto quiet =
      execo::process("grep -q root /etc/group").accept(0, 1).nolog_exit_code().name("probe");
  execo::result probe = co_await std::move(quiet).run();
  fmt::print("{}", probe.dump());

  execo::run_stats counts = r.stats();
  counts += all.stats();
  counts += probe.stats();
  fmt::print("{} commands, {} timed out\n", counts.commands, counts.timed_out);
  bool as_told = r.status().code() == 3 && !r.forced_kill() && all.ended_with_it() == 2;
  co_return as_told&& probe.ok() && counts.timed_out == 2 ? 0 : 1;
}

int main() { return execo::sync_wait(ended()); }
