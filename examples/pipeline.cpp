// Commands of which each one reads what the one before it writes.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> longest_names() {
  auto r =
      co_await (execo::process("ls /usr/share") | execo::process("awk '{ print length(), $0 }'") |
                execo::process("sort -rn") | execo::process("head -n 3"));
  if (!r.ok()) fmt::print(stderr, "{}\n", r.describe());
  fmt::print("{} commands, {} bytes\n", r.all().size(), r.last().out.size());
  co_return r.ok() && !r.last().out.empty() ? 0 : 1;
}

int main() { return execo::sync_wait(longest_names()); }
