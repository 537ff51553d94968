// What a command that waits on a connection of its own takes of this process's memory.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "execo/context.hpp"
#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "fleet_fixture.hpp"
#include "support/sanitizers.hpp"

namespace execo::test {
namespace {

class heap_sizes {
 public:
  long in_use = 0;
  long resident = 0;

  static heap_sizes now() {
    heap_sizes found;
    found.in_use = static_cast<long>(::mallinfo2().uordblks);
    std::ifstream maps("/proc/self/smaps");
    bool is_heap = false;
    for (std::string line; std::getline(maps, line);) {
      if (line.find('-') < line.find(' ')) is_heap = line.ends_with("[heap]");
      if (is_heap && line.starts_with("Rss:")) found.resident = std::atol(line.c_str() + 4) * 1024;
    }
    return found;
  }
  heap_sizes growth_since(const heap_sizes& before) const {
    heap_sizes grown;
    grown.in_use = in_use - before.in_use;
    grown.resident = resident - before.resident;
    return grown;
  }
};

task<heap_sizes> when_all_have_started(remote r, const fleet_fixture& fleet, int hosts) {
  ssh_options how;
  how.port = fleet.port();
  how.identities = {fleet.identity()};
  how.host_key_policy = host_keys::ignore;
  how.config_file = "none";
  heap_sizes found;
  r.ssh(how).fanout(static_cast<std::size_t>(hosts));
  r.on_start([&](const started_command&) {
    if (--hosts > 0) return;
    found = heap_sizes::now();
    r.request_stop();
  });
  action_result end = co_await r.run();
  EXPECT_EQ(hosts, 0) << end.describe();
  co_return found;
}

// Of the room that libssh takes for reading, 8 KB, most is never written to, and has no memory
// where there are many connections.
TEST(session_memory, of_a_command_that_waits_is_less_than_the_heap_that_it_has) {
  if (address_sanitizer || thread_sanitizer) GTEST_SKIP() << "it has a heap of its own";
  if (::sysconf(_SC_PAGESIZE) > 4096) GTEST_SKIP() << "no whole page is left out";
  constexpr int host_count = 250;
  const std::string all = "127.1.0.[1-" + std::to_string(host_count) + "]";
  fleet_fixture fleet(all, {"--exec", "canned", "--latency", "1000s"});
  context c;
  const heap_sizes one = sync_wait(c, when_all_have_started(remote("true", "127.1.0.1"), fleet, 1));
  const heap_sizes many =
      sync_wait(c, when_all_have_started(remote("true", all), fleet, host_count));
  const heap_sizes grown = many.growth_since(one);
  if (grown.in_use == 0) GTEST_SKIP() << "the C library's heap is not in use";
  EXPECT_LT(grown.in_use, 29'000 * host_count);
  EXPECT_LT(grown.resident, grown.in_use - 1'500 * host_count);
}

}  // namespace
}  // namespace execo::test
