// Sets of hosts: read, combined, iterated over, and written again.
#include <fmt/format.h>
#include <execo/host_set.hpp>

int main() {
  execo::host_set nodes = "node[1-200],login[01-02]";
  nodes -= "node[7,13]";

  fmt::print("{} hosts: {}\n", nodes.size(), nodes.to_string());
  fmt::print("node12 is {}\n", nodes.contains("node12") ? "in" : "out");

  for (const execo::host_set& part : nodes.split(3)) fmt::print("  {}\n", part.to_string());

  int shown = 0;
  for (const std::string name : nodes) {  // made one by one, never all at once
    fmt::print("{} ", name);
    if (++shown == 5) break;
  }
  fmt::print("...\n");

  try {
    execo::host_set wrong{"node[9-1]"};
  } catch (const execo::host_set_error& error) {
    fmt::print("{}\n", error.what());
  }
}
