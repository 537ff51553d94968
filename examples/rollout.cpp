// A change that reaches forty hosts batch by batch, and stops when too many of them fail.
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

// Here the hosts are local processes; `remote` in place of `local` makes them ssh hosts.
execo::task<bool> deploy(std::string command) {
  auto change = execo::local(command, "web[01-40]").shell().fanout(8);
  auto all = execo::rollout(std::move(change))
                 .canary(1)
                 .batch(execo::percent(25))
                 .max_fail(execo::percent(5))
                 .soak(100ms)
                 .batch_deadline(1min)
                 .on_batch([](const execo::batch_report& batch) {
                   fmt::print("{}\n", batch.to_string());
                 });
  execo::action_result end = co_await all.run();
  fmt::print("{}\n", all.verdict().to_string());
  fmt::print("not reached: {}\n", end.hosts(execo::end_reason::not_started).to_string());
  co_return all.verdict().how == execo::rollout_end::complete;
}

// A command that may run twice, tried again where it fails.
execo::task<bool> insist(std::string folder) {
  std::string once =
      "mkdir " + folder + "/$EXECO_HOST 2>&- && exit 75; rmdir " + folder + "/$EXECO_HOST";
  auto flaky = execo::local(once, "web[1-3]").shell().retry(2, 50ms).idempotent();
  execo::action_result end = co_await flaky.run();
  fmt::print("{}, web1 after {} attempts\n", end.describe(), end["web1"].attempts);
  co_return end.ok();
}

int main() {
  bool whole = execo::sync_wait(deploy("test $EXECO_HOST != web07"));
  bool cut = execo::sync_wait(deploy("case $EXECO_HOST in web1[2-9]) exit 3;; esac"));
  std::string folder = "/tmp/execo-rollout-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  bool insisted = execo::sync_wait(insist(folder));
  (void)::rmdir(folder.c_str());
  return whole && !cut && insisted ? 0 : 1;
}
