// The same action by other programs than ssh: here `env`, as it could be `docker exec -i %h`,
// `srun --overlap -w %h` or `rsh %h`.
#include <execo/execo.hpp>

#include <cstdio>

int main() {
  using namespace execo;
  ssh_options how;
  how.connector = "argv:env CONTAINER=%h";  // argv: adds `sh -c TEXT`
  action_result all = sync_wait(remote("echo in $CONTAINER", "web[1-3]").ssh(how));
  for (const host_result& r : all.all())
    std::printf("%s: %s", r.host.name().c_str(), r.out.c_str());
  return all.ok() && all.all()[2].out == "in web3\n" ? 0 : 1;
}
