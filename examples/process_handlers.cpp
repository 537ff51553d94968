// One handler for processes and actions: called at a start, for each line and at the end.
#include <execo/execo.hpp>
#include <iostream>

class teller : public execo::handler {
 public:
  void on_start(const execo::started_command& c) override {
    std::cout << c.host.name() << " begins: " << c.name << "\n";
  }
  void on_line(const execo::output_line& l) override {
    std::cout << l.host.name() << " says: " << l.text << "\n";
  }
  void on_end(const execo::ended_command& c) override {
    std::cout << c.host.name() << " ends: " << c.result.status().to_string() << "\n";
  }
};

execo::task<int> work() {
  auto tell = std::make_shared<teller>();
  auto first = execo::process("echo one; echo two; exit 3").shell().handle_with(tell);
  execo::result alone = co_await first.run();

  auto all = execo::local("echo {{{index}}}", "worker[1-2]").fanout(1).handle_with(tell);
  execo::action_result several = co_await all.run();
  co_return alone.exit_code() == 3 && several.ok() ? 0 : 1;
}

int main() { return execo::sync_wait(work()); }
