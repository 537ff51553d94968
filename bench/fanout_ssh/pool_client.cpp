// Runs `true` on each of the hosts, some times one after another on the connections that execo
// keeps. A program of its own, so that its memory is its own. Writes a line for each run: its CPU
// seconds and its wall seconds.
//
//   fanout_ssh_pool --hosts FILE --port N --user NAME --identity FILE --window N --runs N
#include <cstdio>
#include <execo/execo.hpp>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "measure.hpp"

namespace {

using options = std::map<std::string, std::string>;

std::vector<execo::host> read_hosts(const std::string& path) {
  std::vector<execo::host> all;
  std::ifstream file(path);
  for (std::string name; file >> name;) all.emplace_back(name);
  return all;
}

execo::ssh_options connection_options(options& given) {
  execo::ssh_options how;
  how.port = std::stoi(given["--port"]);
  how.user = given["--user"];
  how.identities.push_back(given["--identity"]);
  how.host_key_policy = execo::host_keys::ignore;
  how.config_file = "none";
  return how;
}

execo::task<> run(options given) {
  std::vector<execo::host> hosts = read_hosts(given["--hosts"]);
  execo::ssh_options how = connection_options(given);
  std::size_t window = std::stoul(given["--window"]);
  int runs = std::stoi(given["--runs"]);
  for (int i = 0; i < runs; ++i) {
    bench::usage before = bench::usage::now();
    execo::remote action("true", hosts);
    action.fanout(window).ssh(how);
    execo::action_result r = co_await action.run();
    bench::usage used = bench::usage::now() - before;
    r.check();
    if (i > 0 && r.stats().connections_made > 0)
      throw std::runtime_error("connections were not kept");
    std::printf("%.6f %.6f\n", used.own, used.wall);
  }
}

}  // namespace

int main(int argc, char** argv) {
  options given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  try {
    execo::sync_wait(run(given));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fanout_ssh_pool: %s\n", e.what());
    return 1;
  }
}
