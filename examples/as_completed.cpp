// Which mirror succeeds first: takes outcomes in the order in which they come, stops the rest.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> first_good() {
  std::vector<std::string> commands;
  commands.emplace_back("sh -c 'sleep 9; echo slow'");
  commands.emplace_back("false");
  commands.emplace_back("sh -c 'sleep 0.2; echo good'");
  std::vector<execo::task<execo::result>> mirrors;
  auto ask = [](std::string command) -> execo::task<execo::result> {
    co_return co_await execo::process(command).run();
  };
  for (const auto& command : commands) mirrors.push_back(ask(command));

  auto choose = [&](execo::completions<execo::result>& ends) -> execo::task<std::string> {
    while (auto end = co_await ends.next()) {
      const execo::result& r = end->outcome.value();
      fmt::print("{}: {}\n", commands[end->index], r.describe());
      if (r.ok()) co_return r.out;
    }
    co_return "";
  };
  // The slow one has been ended and reaped when this line is over.
  std::string answer = co_await execo::as_completed(std::move(mirrors), choose);
  co_return answer == "good\n" ? 0 : 1;
}

int main() { return execo::sync_wait(first_good()); }
