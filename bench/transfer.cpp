// What copies cost: execo put beside the tools people use, against a private OpenSSH sshd that is
// all hosts. The CPU of clients and of the server is measured apart. Rivals that are not installed
// are left out, by name.
//
//   transfer [--rounds N] [--hosts N] [--files N] [--only fan|one|many] [--algorithms same|own]
//
//   same  every tool has the same key exchange and the same cipher
//   own   every tool has those that it takes by itself
//
//   fan   10 MB to 100 hosts, 64 at a time
//   one   1 GB to one host. "checked": sha256sum here, then there, besides the copy, as execo does
//   many  10,000 files of 1 to 4 KiB to ten hosts
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "measure.hpp"
#include "sshd_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using bench::words;

const std::string tool = EXECO_BIN_DIR "/execo";
constexpr std::size_t mega = 1'000'000;

class sizes {
 public:
  int rounds = 3;
  int hosts = 100;
  int files = 10'000;
  std::string only;
  bool same_algorithms = true;
};

bool has(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class field {
 public:
  explicit field(bool same_algorithms)
      : folder_(fs::temp_directory_path() / ("execo-transfer-" + std::to_string(::getpid()))),
        server_("MaxStartups 10000\nMaxSessions 10000\nSubsystem sftp internal-sftp\n") {
    fs::create_directories(folder_);
    std::ofstream(path("ssh_config"))
        << "Host *\n  Port " << server_.port() << "\n  User " << server_.user()
        << "\n  IdentityFile " << server_.identity()
        << "\n  IdentitiesOnly yes\n  BatchMode yes\n  StrictHostKeyChecking no\n"
           "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        << (same_algorithms
                ? "  KexAlgorithms curve25519-sha256\n  Ciphers aes256-gcm@openssh.com\n"
                : "");
  }
  ~field() {
    std::error_code none;
    fs::remove_all(folder_, none);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  pid_t server() const { return server_.pid(); }
  /// Words that reach the hosts by execo.
  words execo(const std::string& set, const words& more, const char* what = "put") const {
    words all{tool, what, "-w", set, "-F", path("ssh_config"), "--host-keys", "ignore"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void random_file(const std::string& name, std::size_t size) const {
    std::mt19937_64 random(1);
    std::ofstream out(path(name), std::ios::binary);
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
      std::uint64_t word = random();
      out.write(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  void clear(const std::string& name) const {
    fs::remove_all(path(name));
    fs::create_directories(path(name));
  }

 private:
  fs::path folder_;
  execo::test::sshd_fixture server_;
};

class contender {
 public:
  contender(std::string title, words argv) : title_(std::move(title)), argv_(std::move(argv)) {}

  void run(const field& at) {
    at.clear("to");
    double before = bench::server_cpu_at_rest(at.server());
    bench::client_run r = bench::run_well(argv_);
    wall_.push_back(r.wall);
    client_.push_back(r.cpu);
    server_.push_back(bench::server_cpu_at_rest(at.server()) - before);
    both_.push_back(client_.back() + server_.back());
    peak_ = std::max(peak_, r.peak_kb);
  }
  double wall() const { return bench::summary(wall_).median(); }
  double cpu() const { return bench::summary(both_).median(); }
  void print(const contender& first) const {
    std::printf("  %-34s wall %-20s client %-20s server %-20s cpu x %-5.2f wall x %-5.2f %ld MB\n",
                title_.c_str(), bench::summary(wall_).text(2).c_str(),
                bench::summary(client_).text(2).c_str(), bench::summary(server_).text(2).c_str(),
                cpu() / first.cpu(), wall() / first.wall(), peak_ / 1000);
  }

 private:
  std::string title_;
  words argv_;
  std::vector<double> wall_, client_, server_, both_;
  long peak_ = 0;
};

void race(const std::string& title, const field& at, std::vector<contender> all, int rounds) {
  std::printf("%s, %d rounds; x: beside the first row\n", title.c_str(), rounds);
  for (int i = 0; i < rounds; ++i)
    for (contender& one : all) one.run(at);
  for (const contender& one : all) one.print(all.front());
}

std::string address(int i) {
  return "127.20." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
}

/// `sh -c` for each of the hosts in the file of them, 64 at a time.
words for_each_host(const field& at, const std::string& command) {
  return {"sh", "-c", "xargs -P 64 -I{} sh -c '" + command + "' < " + at.path("hosts")};
}

std::string write_hosts(const field& at, int count) {
  std::ofstream out(at.path("hosts"));
  std::string set;
  for (int i = 0; i < count; ++i) {
    out << address(i) << '\n';
    set += (i == 0 ? "" : ",") + address(i);
  }
  return set;
}

void fan(const field& at, const sizes& how) {
  at.random_file("ten", 10 * mega);
  const std::string set = write_hosts(at, how.hosts);
  const std::string ssh = "-F " + at.path("ssh_config");
  std::vector<contender> all;
  all.emplace_back("execo put", at.execo(set, {at.path("ten"), at.path("to") + "/{{{host}}}"}));
  all.emplace_back("execo put --via openssh", at.execo(set, {"--via", "openssh", at.path("ten"),
                                                             at.path("to") + "/{{{host}}}"}));
  all.emplace_back("xargs scp", for_each_host(at, "scp -q " + ssh + " " + at.path("ten") +
                                                      " {}:" + at.path("to") + "/{}"));
  all.emplace_back("xargs ssh cat", for_each_host(at, "ssh " + ssh + " {} \"cat >" + at.path("to") +
                                                          "/{}\" <" + at.path("ten")));
  if (has("rsync"))
    all.emplace_back("xargs rsync",
                     for_each_host(at, "rsync -q -e \"ssh " + ssh + "\" " + at.path("ten") +
                                           " {}:" + at.path("to") + "/{}"));
  // These have one name for all hosts, which are one machine here.
  const std::string same = at.path("to") + "/same";
  if (has("clush"))
    all.emplace_back("clush --copy", words{"clush", "-q", "-w", set, "-f", "64", "-o", ssh,
                                           "--copy", at.path("ten"), "--dest", same});
  if (has("pdcp"))
    all.emplace_back("pdcp", words{"env", "PDSH_SSH_ARGS_APPEND=" + ssh, "pdcp", "-R", "ssh", "-f",
                                   "64", "-w", set, at.path("ten"), same});
  if (has("parallel-scp"))
    all.emplace_back("parallel-scp", words{"parallel-scp", "-p", "64", "-t", "0", "-x", ssh, "-h",
                                           at.path("hosts"), at.path("ten"), same});
  all.emplace_back("execo run true, no copy", at.execo(set, {"true"}, "run"));
  race("10 MB to " + std::to_string(how.hosts) + " hosts", at, std::move(all), how.rounds);
}

void one(const field& at, const sizes& how) {
  at.random_file("giga", 1000 * mega);
  const std::string file = at.path("giga"), there = at.path("to") + "/giga";
  const std::string ssh = "ssh -F " + at.path("ssh_config") + " 127.20.0.1 ";
  std::vector<contender> all;
  all.emplace_back("ssh cat, checked", words{"sh", "-c",
                                             "sha256sum <" + file + " >&2 && " + ssh + "'cat >" +
                                                 there + " && sha256sum <" + there + "' <" + file});
  all.emplace_back("execo put", at.execo("127.20.0.1", {file, there}));
  all.emplace_back("execo put --via openssh",
                   at.execo("127.20.0.1", {"--via", "openssh", file, there}));
  all.emplace_back("ssh cat, not checked",
                   words{"sh", "-c", ssh + "'cat >" + there + "' <" + file});
  all.emplace_back("scp, not checked",
                   words{"scp", "-q", "-F", at.path("ssh_config"), file, "127.20.0.1:" + there});
  race("1 GB to one host", at, std::move(all), how.rounds);
}

void many(const field& at, const sizes& how) {
  fs::create_directories(at.path("tree"));
  std::mt19937 random(1);
  for (int i = 0; i < how.files; ++i) {
    const std::string folder = at.path("tree/" + std::to_string(i % 100));
    fs::create_directories(folder);
    std::ofstream(folder + "/" + std::to_string(i), std::ios::binary)
        << std::string(1024 + random() % 3072, 'x');
  }
  const std::string set = write_hosts(at, 10);
  const std::string ssh = "-F " + at.path("ssh_config");
  std::vector<contender> all;
  all.emplace_back("execo put", at.execo(set, {at.path("tree"), at.path("to") + "/{{{host}}}"}));
  all.emplace_back("xargs scp -r", for_each_host(at, "scp -q -r " + ssh + " " + at.path("tree") +
                                                         " {}:" + at.path("to") + "/{}"));
  all.emplace_back(
      "xargs tar | ssh tar",
      for_each_host(at, "tar -cf - -C " + at.path("tree") + " . | ssh " + ssh + " {} \"mkdir " +
                            at.path("to") + "/{} && tar -xf - -C " + at.path("to") + "/{}\""));
  if (has("rsync"))
    all.emplace_back("xargs rsync -r",
                     for_each_host(at, "rsync -q -r -e \"ssh " + ssh + "\" " + at.path("tree") +
                                           "/ {}:" + at.path("to") + "/{}"));
  race(std::to_string(how.files) + " small files to ten hosts", at, std::move(all), how.rounds);
}

}  // namespace

int main(int argc, char** argv) {
  sizes how;
  std::map<std::string, int*> numbers{
      {"--rounds", &how.rounds}, {"--hosts", &how.hosts}, {"--files", &how.files}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--only") how.only = argv[i + 1];
    if (option == "--algorithms") how.same_algorithms = std::string(argv[i + 1]) != "own";
    if (auto found = numbers.find(option); found != numbers.end())
      *found->second = std::atoi(argv[i + 1]);
  }
  try {
    if (!execo::test::sshd_fixture::available()) throw std::runtime_error("no sshd");
    field at(how.same_algorithms);
    if (how.only.empty() || how.only == "fan") fan(at, how);
    if (how.only.empty() || how.only == "one") one(at, how);
    if (how.only.empty() || how.only == "many") many(at, how);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "transfer: %s\n", e.what());
    return 1;
  }
}
