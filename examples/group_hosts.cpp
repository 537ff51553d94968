// Groups of hosts from an inventory, in the sets of ClusterShell's grammar.
#include <fmt/format.h>
#include <execo/groups.hpp>

int main() {
  execo::groups site;
  site.add_json("inventory",
                R"({"web": ["web1", "web2", "web3"], "db": ["db1"], "down": ["web2"]})");
  // A command would run at most every five minutes, and for at most 10 s:
  //   using namespace std::chrono_literals;
  //   site.add("cmdb", execo::group_command{}.json("inventory
  //   --list").timeout(10s).cache_time(5min));

  const execo::host_set up = site.read("@web,@db!@down");
  fmt::print("up: {}\n", up.to_string());
  for (const execo::group_match& match : site.matches(up)) {
    fmt::print("{} has {} of {}\n", match.group, match.common.size(), match.size);
  }
  fmt::print("regrouped: {}\n", site.regroup("web[1-3],db1,spare1"));
}
