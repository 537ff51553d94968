// A configuration to three hosts, and a log of each of them back.
#include <fmt/format.h>
#include <stdlib.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

// Here `sh` stands for the hosts; without a connector they are ssh hosts.
execo::ssh_options way() {
  execo::ssh_options how;
  how.connector = "argv:env HOST=%h";
  return how;
}

execo::task<bool> deploy(std::string conf, std::string there) {
  auto copy = execo::put(conf, "web[1-3]", there + "/{{{host}}}/app.conf")
                  .make_directories()
                  .preserve()
                  .ssh(way());
  execo::action_result sent = co_await copy.run();
  execo::copy_progress done = copy.progress();
  fmt::print("{}; {} files, {} bytes\n", sent.describe(), done.files, done.bytes_moved);
  co_return sent.ok();
}

execo::task<bool> collect(std::string there, std::string logs) {
  auto copy = execo::get(there + "/{{{host}}}/app.conf", "web[1-4]", logs).ssh(way());
  execo::action_result come = co_await copy.run();
  for (const execo::host_result* bad : come.failed())
    fmt::print("{}: {}, {}\n", bad->host.name(), execo::to_string(bad->how()),
               bad->error().message());
  co_return come.stats().ok == 3 && fs::exists(logs + "/web2/app.conf");
}

int main() {
  std::string folder = "/tmp/execo-copy-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  std::ofstream(folder + "/app.conf") << "workers = 4\n";
  bool sent = execo::sync_wait(deploy(folder + "/app.conf", folder + "/hosts"));
  bool come = execo::sync_wait(collect(folder + "/hosts", folder + "/logs"));
  fs::remove_all(folder);
  return sent && come ? 0 : 1;
}
