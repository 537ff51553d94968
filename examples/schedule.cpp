// A handler adds a command to the action that called it.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> checked() {
  execo::parallel all;
  auto check = execo::local("test $EXECO_HOST != n2", "n[1-3]").shell().name("check");
  check.on_end([&](const execo::ended_command& e) {
    if (!e.result.ok()) all.schedule(execo::local("df -h /", e.host).name("look"));
  });
  all.schedule(std::move(check));

  execo::action_result end = co_await all.run();
  for (const execo::action_result& part : end.parts())
    fmt::print("{}: {} of {} ok\n", part.name(), part.stats().ok, part.stats().hosts);
  co_return end.stats().ok == 3 && end.parts().at(1).ok() ? 0 : 1;
}

int main() { return execo::sync_wait(checked()); }
