// Hosts that reach each other. Here each host is a shell of this machine: without the connector
// they are reached by ssh.
#include <execo/execo.hpp>

#include <cstdio>

int main() {
  using namespace execo;
  ssh_options way;
  way.connector = "local";
  action_result all =
      sync_wait(remote("echo on $EXECO_HOST", "node[1-40]").ssh(way).via(tree().arity(4)));
  for (const host_result& r : all.all()) std::printf("%s", r.out.c_str());
  return all.ok() && all.all()[39].out == "on node40\n" ? 0 : 1;
}
