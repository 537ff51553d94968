// Records the host keys of many hosts, and names those whose keys are not the known ones.
// ctest: fleet 5
// ctest: args {HOSTS}
#include <execo/execo.hpp>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace execo;
  if (argc < 2) {
    std::fprintf(stderr, "usage: host_keys SET\n");
    return 2;
  }
  known_hosts_file known;
  action_result all = sync_wait(key_scan(argv[1]).types({"ed25519"}).fanout(200));
  for (const host_result& r : all.all()) {
    std::vector<host_key> keys = host_keys_of(r);
    if (!r.ok()) std::printf("%s\n", r.describe().c_str());
    for (key_record what : known.add(keys))
      std::printf("%s: %s\n", r.host.name().c_str(), std::string(to_string(what)).c_str());
  }
  return all.ok() ? 0 : 1;
}
