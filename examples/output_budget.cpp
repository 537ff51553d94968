// How many bytes of output a program keeps in all, and how it sees what was left out.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> work(execo::context& where) {
  // More than one of them writes as much as the context may keep.
  execo::result first = co_await execo::process("seq 20000").run();
  execo::result second = co_await execo::process("seq 20000").run();
  fmt::print("{}\n{}\n", first.describe(), second.describe());

  // A result that is gone makes room for others.
  first = execo::result();
  execo::result third = co_await execo::process("seq 5000").run();
  fmt::print("{} bytes kept, {} of them by the third\n", where.kept_output(), third.out.size());
  bool as_expected = second.dropped_by() == execo::output_limit::context &&
                     third.dropped_by() == execo::output_limit::none;
  co_return as_expected ? 0 : 1;
}

int main() {
  execo::context where(execo::output_budget(128 * 1024));
  return execo::sync_wait(where, work(where));
}
