// Whether the clocks of many hosts agree with the one of this machine.
//   clock_check HOSTS
// ctest: fleet 4
// ctest: sshd 4
// ctest: args {HOSTS}
#include <charconv>
#include <execo/execo.hpp>
#include <iostream>

using namespace std::chrono;

void check(const execo::host_result& r) {
  std::int64_t there = 0;
  if (!r.ok()) {
    std::cout << "no date: " << r.describe() << "\n";
  } else if (std::from_chars(r.out.data(), r.out.data() + r.out.size(), there).ec != std::errc()) {
    std::cout << "not a date on " << r.host.name() << ": " << r.out;
  } else if (system_clock::time_point when{seconds(there)};
             when > r.started() - seconds(1) && when < r.ended() + seconds(1)) {
    std::string within = execo::format_duration(r.elapsed());
    std::cout << r.host.name() << ": right, within " << within << "\n";
  } else {
    std::cout << r.host.name() << ": wrong\n";
  }
}

execo::task<int> check_all(execo::host_set hosts) {
  auto date = execo::remote("date +%s", hosts).fanout(100).timeout(minutes(5));
  while (auto r = co_await date.next()) check(*r);
  co_return date.stats().ok == hosts.size() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 2 ? 2 : execo::sync_wait(check_all(argv[1])); }
