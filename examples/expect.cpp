// A dialogue with a program that prompts: each answer waits for its prompt.
#include <fmt/format.h>

#include <execo/execo.hpp>
#include <string>

using namespace std::chrono_literals;

// Such a program: it asks for a user and a password, then it is a shell with a prompt.
const char* const server = R"(
  printf 'login: '; read -r name
  printf 'password for %s: ' "$name"; read -r word
  [ "$word" = secret ] || { echo 'login incorrect'; exit 1; }
  while printf '%s@sim$ ' "$name" && read -r line; do eval "$line"; done)";

execo::task<int> log_in(std::string password) {
  auto session = execo::process("sh").args("-c", server).in(execo::pipe()).start();
  auto keys = session.in();

  execo::expect e(session.out());
  e.on("login: $").on("password for (?P<who>\\w+): $").on("\\w+@\\w+\\$ $").on("incorrect");
  for (;;) {
    auto m = co_await e.next(5s);
    if (!m) session.kill();
    if (!m || m.index() == 3) break;
    if (m.index() == 0) co_await keys.write("ann\n");
    if (m.index() == 1) {
      fmt::print("asked for the password of {}\n", *m.group("who"));
      password += '\n';
      co_await keys.write(password);
    }
    if (m.index() == 2) {
      co_await keys.write("echo $((6 * 7))\n");
      auto answer = co_await e.next(5s);
      fmt::print("the answer is {}", answer.before());
      keys.close();
      break;
    }
  }
  auto end = co_await session.wait();
  fmt::print("\n{}\n", end.describe());
  co_return end.ok() ? 0 : 1;
}

// Two servers: wait until both are up, then for the first that fails.
execo::task<int> watch_servers() {
  execo::patterns news;
  news.on("^listening on port (\\d+)$").on("^error: (.*)\\n");

  std::vector<execo::process> servers;
  std::vector<execo::expect> watched;
  for (int port : {8080, 8081}) {
    auto text = fmt::format("echo listening on port {}; read -r x; echo error: no input", port);
    servers.push_back(execo::process("sh").args("-c", text).in(execo::pipe()).start());
    watched.emplace_back(servers.back().out(), news);
  }
  auto up = co_await execo::expect_all(watched, 5s);
  for (const auto& m : up) {
    if (m) fmt::print("a server on port {}\n", *m.group(1));
  }
  servers[1].in().close();
  auto first = co_await execo::expect_any(watched, 5s);
  if (first.value) fmt::print("server {} failed: {}\n", first.index, *first.value.group(1));
  co_return up[0].index() == 0 && up[1].index() == 0 && first.index == 1 ? 0 : 1;
}

execo::task<int> both() {
  int good = co_await log_in("secret");
  int refused = co_await log_in("guess");
  int servers = co_await watch_servers();
  co_return good == 0 && refused == 1 && servers == 0 ? 0 : 1;
}

int main() { return execo::sync_wait(both()); }
