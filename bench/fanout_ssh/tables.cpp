#include "fanout_ssh/tables.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fanout_ssh/ssh_field.hpp"
#include "measure.hpp"
#include "ssh_agents.hpp"

namespace bench {
namespace {

/// What a tool took for all hosts and commands.
class cost {
 public:
  double client = 0;
  double server = 0;
  double wall = 0;
  long peak_kb = 0;
};

cost of_client(const client_run& r) { return cost{r.cpu, 0, r.wall, r.peak_kb}; }

/// A tool in a table, with all its rounds.
class row {
 public:
  row(std::string name, std::function<cost()> measure)
      : name_(std::move(name)), measure_(std::move(measure)) {}

  /// Gives the client's CPU. `base` is that of the first row in the same round, 0 in the first row.
  double run(double units, double base) {
    cost c = measure_();
    client_.push_back(c.client * 1e3 / units);
    server_.push_back(c.server * 1e3 / units);
    wall_.push_back(c.wall);
    ratio_.push_back(base > 0 ? c.client / base : 1);
    peak_kb_ = std::max(peak_kb_, c.peak_kb);
    return c.client;
  }
  void print() const {
    std::printf("%-14s %-24s %-9.1f %-22s %-20s %.1f\n", name_.c_str(),
                summary(client_).text(2).c_str(), summary(ratio_).median(),
                summary(server_).text(1).c_str(), summary(wall_).text(2).c_str(),
                static_cast<double>(peak_kb_) / 1024);
  }

 private:
  std::string name_;
  std::function<cost()> measure_;
  std::vector<double> client_, server_, wall_, ratio_;
  long peak_kb_ = 0;
};

/// Its rows are on the same hosts; the first one is what the others are compared with.
class table {
 public:
  table(const execo::test::sshd_fixture& server, circumstance how)
      : field_(server, std::move(how)) {}
  table(const table&) = delete;
  table& operator=(const table&) = delete;

  const ssh_field& field() const noexcept { return field_; }

  /// A tool that is done when its process and all below it have ended.
  void add(const tool& t) {
    rows_.emplace_back(t.name, [this, t] { return whole(t); });
  }
  /// One that leaves ssh masters behind: what those have taken until it is done is its own.
  void add_with_masters(const tool& t) {
    rows_.emplace_back(t.name, [this, t] { return with_masters(t); });
  }
  /// A program that runs the command several times on connections that it keeps, and says what each
  /// time has cost: a later time.
  void add_later(std::function<tool(int)> program) {
    rows_.emplace_back(program(1).name, [this, program] { return later(program); });
  }
  /// A tool whose masters are there.
  void add_later_with_masters(const tool& t) {
    rows_.emplace_back(t.name, [this, t] { return later_with_masters(t); });
  }

  /// `unit` is what the CPU is given for: a host, a command.
  void run(const std::string& title, const std::string& unit, double units, int rounds) {
    std::printf("\n%s, %d rounds\n", title.c_str(), rounds);
    for (int i = 0; i < rounds; ++i) {
      double base = 0;
      for (row& r : rows_) {
        double client = r.run(units, base);
        if (base == 0) base = client;
      }
    }
    std::printf("%-14s %-24s %-9s %-22s %-20s %s\n", "tool", ("client CPU ms/" + unit).c_str(),
                "x execo", ("server CPU ms/" + unit).c_str(), "wall s", "largest process MB");
    for (const row& r : rows_) r.print();
    std::fflush(stdout);
  }

 private:
  // One later time alone is too little beside the connections that the server has to make.
  static constexpr int later_runs = 10;

  double server_so_far() const { return server_cpu_at_rest(field_.server().pid()); }

  cost whole(const tool& t) const {
    double before = server_so_far();
    cost c = of_client(run_well(t.argv, t.variables));
    c.server = server_so_far() - before;
    return c;
  }

  cost with_masters(const tool& t) const {
    double before = server_so_far();
    background masters;
    cost c = of_client(run_well(t.argv, t.variables, &masters));
    c.client += masters.cpu();
    c.peak_kb = std::max(c.peak_kb, masters.end().peak_kb);
    c.server = server_so_far() - before;
    return c;
  }

  // The server's share shows when its sessions have ended. So the later times are what it takes for
  // all of them beyond what it takes for the first one alone.
  cost later(const std::function<tool(int)>& program) const {
    double before = server_so_far();
    tool once = program(1), all = program(1 + later_runs);
    run_well(once.argv, once.variables);
    double between = server_so_far();
    client_run r = run_well(all.argv, all.variables);
    cost c;
    std::istringstream lines(r.out);
    double cpu = 0, wall = 0;
    lines >> cpu >> wall;
    for (int i = 0; i < later_runs; ++i) {
      if (!(lines >> cpu >> wall)) fail(once.name + " does not say what it has taken");
      c.client += cpu / later_runs;
      c.wall += wall / later_runs;
    }
    c.server = (server_so_far() - between - (between - before)) / later_runs;
    c.peak_kb = r.peak_kb;
    return c;
  }

  cost later_with_masters(const tool& t) const {
    double before = server_so_far();
    (void)with_masters(t);
    double between = server_so_far();
    background masters;
    run_well(t.argv, t.variables, &masters);
    double at_first = masters.cpu();
    tool more = repeated(t, later_runs);
    cost c = of_client(run_well(more.argv, more.variables, &masters));
    c.client = (c.client + masters.cpu() - at_first) / later_runs;
    c.wall /= later_runs;
    c.peak_kb = std::max(c.peak_kb, masters.end().peak_kb);
    c.server = (server_so_far() - between - (between - before)) / later_runs;
    return c;
  }

  ssh_field field_;
  std::vector<row> rows_;
};

/// One run of each tool, from nothing.
void single_run(const execo::test::sshd_fixture& server, circumstance how, const std::string& title,
                int rounds) {
  double hosts = how.hosts;
  table all(server, std::move(how));
  const ssh_field& field = all.field();
  all.add(field.execo_run());
  if (ssh_field::has_asyncssh()) all.add(field.asyncssh(1));
  all.add_with_masters(field.ssh_with_masters());
  all.add(field.xargs_ssh());
  for (const tool& t : field.others()) all.add(t);
  all.run(title, "host", hosts, rounds);
}

circumstance direct(const table_sizes& sizes) {
  circumstance how;
  how.hosts = sizes.hosts;
  how.window = sizes.window;
  return how;
}

std::string title_of(const std::string& what, const circumstance& how) {
  return what + " on " + std::to_string(how.hosts) + " hosts of an OpenSSH sshd, window " +
         std::to_string(how.window) + ", " +
         (how.pinned ? "key exchange curve25519-sha256" : "everybody's default key exchange");
}

}  // namespace

void first_run(const execo::test::sshd_fixture& server, const table_sizes& sizes) {
  circumstance how = direct(sizes);
  single_run(server, how, title_of("first: `true`", how), sizes.rounds);
  how.hosts = sizes.default_hosts;
  how.pinned = false;
  single_run(server, how, title_of("first: `true`", how), sizes.rounds);
}

void run_again(const execo::test::sshd_fixture& server, const table_sizes& sizes) {
  circumstance how = direct(sizes);
  table all(server, how);
  const ssh_field& field = all.field();
  all.add_later([&field](int runs) { return field.execo_pool(runs); });
  if (ssh_field::has_asyncssh()) all.add_later([&field](int runs) { return field.asyncssh(runs); });
  all.add_later_with_masters(field.ssh_with_masters());
  all.add(field.execo_run());
  all.add(field.xargs_ssh());
  for (const tool& t : field.others()) all.add(t);
  all.run(title_of("again: a later `true`", how), "host", how.hosts, sizes.rounds);
}

void many_commands(const execo::test::sshd_fixture& server, const table_sizes& sizes) {
  circumstance how = direct(sizes);
  how.hosts = sizes.many_hosts;
  table all(server, how);
  const ssh_field& field = all.field();
  int n = sizes.commands;
  all.add(field.execo_pool(n));
  if (ssh_field::has_asyncssh()) all.add(field.asyncssh(n));
  all.add_with_masters(repeated(field.ssh_with_masters(), n));
  all.add(repeated(field.execo_run(), n));
  all.add(repeated(field.xargs_ssh(), n));
  for (const tool& t : field.others()) all.add(repeated(t, n));
  all.run(title_of("many: " + std::to_string(n) + " times `true`, one after another,", how),
          "command", static_cast<double>(how.hosts) * n, sizes.rounds);
}

void through_jump(const execo::test::sshd_fixture& server, const table_sizes& sizes) {
  circumstance how = direct(sizes);
  how.through_jump = true;
  single_run(server, how, title_of("jump: `true` through one other host", how), sizes.rounds);
}

void with_agent(const execo::test::sshd_fixture& server, const table_sizes& sizes) {
  if (!execo::test::ssh_agent_fixture::available()) {
    std::printf("\nagent: this machine has no ssh-agent\n");
    return;
  }
  execo::test::ssh_agent_fixture agent;
  agent.add(server.identity());
  circumstance how = direct(sizes);
  how.agent = agent.path();
  single_run(server, how, title_of("agent: `true` with the key in an agent", how), sizes.rounds);
}

}  // namespace bench
