// A dialogue with all hosts of an action: one outcome for each host, in their order.
//   dialogue HOSTS
// ctest: fleet 3
// ctest: args {HOSTS}
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> set_up(execo::host_set hosts) {
  execo::remote setup("printf 'name? '; read name; echo \"welcome, $name\"", hosts);
  setup.in(execo::pipe());
  auto asked = co_await execo::expect_all(setup, execo::patterns().on("name[?] "), 10s);
  auto written = co_await execo::write_all(setup, "Ada\n");
  for (std::size_t i = 0; i < asked.size(); ++i)
    fmt::print("host {}: {}, {}\n", i, to_string(asked[i].how()),
               written[i] ? written[i].message() : "answered");
  execo::action_result ends = co_await setup.run();
  for (const auto& group : ends.by_output())
    fmt::print("{} hosts: {}", group.count, group.sample.out);
  co_return ends.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 2 ? 2 : execo::sync_wait(set_up(argv[1])); }
