// A command for each host: by references in braces, and by a function.
//   substitutions HOSTS
// ctest: fleet 6
// ctest: args {HOSTS}
#include <stdlib.h>

#include <execo/execo.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace execo;

void print(const action_result& end) {
  std::printf("%s\n", end.name().c_str());
  for (const host_result& r : end.all()) std::printf("  %s: %s", r.name().c_str(), r.out.c_str());
}

task<bool> table(host_set hosts) {
  auto table = remote("echo '{{letter}}->{{number}} on {{{host}}}'", hosts)
                   .subst("letter", {"a", "b", "c", "d", "e", "f"})
                   .subst("number", {1, 2, 3});
  action_result end = co_await table.run();
  print(end);
  co_return end.ok() && end.all().back().out.starts_with("f->3 on ");
}

// Each host talks to the next one.
task<bool> ring(host_set hosts) {
  std::vector<std::string> names(hosts.begin(), hosts.end());
  auto next = [names](const target& t) {
    return command("echo", t.host.name(), "->", names[(t.index + 1) % names.size()]);
  };
  action_result end = co_await remote(next, hosts).timeout(std::chrono::seconds(20)).run();
  print(end);
  co_return end.ok();
}

task<bool> files(host_set hosts, std::string folder) {
  auto logs = remote("uname -s", hosts).out(to_file(folder + "/{{{host}}}.log"));
  action_result end = co_await logs.run();
  std::size_t found = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    found += file.file_size() > 0 ? 1 : 0;
  co_return end.ok() && found == hosts.size();
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  host_set hosts(argv[1]);
  char folder[] = "/tmp/execo-example-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  bool ok = sync_wait(table(hosts)) && sync_wait(ring(hosts)) && sync_wait(files(hosts, folder));
  std::filesystem::remove_all(folder);
  return ok ? 0 : 1;
}
