// Commands that talk to each other and to this process, in a tree of four hosts that are all this
// machine: a shell stands in for ssh.
#include <execo/execo.hpp>

#include <fmt/format.h>

#include <optional>

using namespace std::chrono_literals;

constexpr const char* worker = R"sh(
  word=$($EXECO_MSG recv)                      # from who runs the action
  $EXECO_MSG barrier >/dev/null                # all have it
  $EXECO_MSG send root "$EXECO_RANK has $word"
  echo "sum: $($EXECO_MSG reduce sum "$EXECO_RANK")"
)sh";

execo::task<int> demo() {
  execo::ssh_options way;
  way.connector = "local";
  execo::remote work(worker, "n[1-4]");
  work.ssh(way).via(execo::tree()).timeout(60s);
  execo::tree_messages talk(work);
  talk.on_reduced([](const execo::tree_reduction& r) {
    if (r.operation == execo::tree_reduce::sum) fmt::print("{} ranks, sum {}\n", r.took, r.integer);
  });
  work.start();
  co_await talk.broadcast("begin");
  std::size_t came = 0;
  while (std::optional<execo::tree_message> m = co_await talk.next_message()) {
    came += m->bytes == fmt::format("{} has begin", m->rank) ? 1 : 0;
  }
  execo::action_result all = co_await work.wait();
  for (const execo::host_result& one : all.all())
    if (one.out != "sum: 10\n") fmt::print("{}: {}", one.host.name(), one.out + one.err);
  co_return came == 4 && all.ok() ? 0 : 1;
}

int main() { return execo::sync_wait(demo()); }
