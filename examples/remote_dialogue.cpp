// A dialogue with a program on another host: what it asks is awaited, what it is answered is
// written.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

// Here `env` stands for the host; without a connector it is an ssh host.
execo::ssh_options way() {
  execo::ssh_options how;
  how.connector = "argv:env HOST=%h";
  return how;
}

execo::task<execo::result> answer(std::string script) {
  auto setup = execo::ssh_process(script, "db1").ssh(way()).in(execo::pipe()).timeout(30s).start();
  auto questions = execo::expect(setup.out()).on("[?] ");
  auto license = co_await questions.next(10s);
  if (license.matched()) {
    (void)co_await setup.in().write("yes\n");
    auto folder = co_await questions.next(10s);
    if (folder.matched()) (void)co_await setup.in().write("/srv/db\n");
  }
  co_return co_await setup.wait();
}

int main() {
  const char* script =
      "printf 'accept? '; read a; printf 'folder? '; read f; echo \"$HOST: $a, in $f\"";
  execo::result end = execo::sync_wait(answer(script));
  fmt::print("{}", end.out.substr(end.out.find("db1")));
  return end.ok() ? 0 : 1;
}
