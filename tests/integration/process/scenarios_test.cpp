// What users of Python execo do most, from its user guide and examples, on one machine and on
// hosts: each scenario whole, as such a program would be written here.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "execo/execo.hpp"
#include "support/file_bytes.hpp"
#include "support/fleet_way.hpp"
#include "support/long_count.hpp"
#include "support/random_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class scenarios : public on_each_backend {};
EXECO_ON_EACH_BACKEND(scenarios);

/// Keeps what the library logs from `debug` on.
class heard_log {
 public:
  heard_log() {
    set_log(log_level::debug, [this](const log_record& r) {
      lines_.push_back(std::string(to_string(r.level)) + " " + std::string(r.message));
    });
  }
  heard_log(const heard_log&) = delete;
  heard_log& operator=(const heard_log&) = delete;
  ~heard_log() { set_log(log_level::off, {}); }

  /// The last one, which tells the end.
  std::string last() const { return lines_.empty() ? "" : lines_.back(); }
  bool has_warning() const {
    for (const std::string& line : lines_)
      if (line.starts_with("warning")) return true;
    return false;
  }

 private:
  std::vector<std::string> lines_;
};

TEST_P(scenarios, a_local_process_is_run_and_its_failure_told_as_wanted) {
  heard_log log;
  result listing = sync_wait(process("ls /").run());
  EXPECT_TRUE(listing.ok());
  EXPECT_EQ(listing.how(), end_reason::exited);
  EXPECT_THAT(listing.out, HasSubstr("proc\n"));
  EXPECT_EQ(listing.err, "");
  EXPECT_FALSE(log.has_warning());

  auto failing = [] { return process("find /no/such/place"); };
  result failed = sync_wait(failing().run());
  EXPECT_FALSE(failed.ok());
  EXPECT_THAT(failed.err, HasSubstr("/no/such/place"));
  EXPECT_THAT(log.last(), StartsWith("warning `find /no/such/place` exited 1"));

  EXPECT_FALSE(sync_wait(failing().nolog_exit_code().run()).ok());
  EXPECT_THAT(log.last(), StartsWith("debug `find"));
  EXPECT_TRUE(sync_wait(failing().ignore_exit_code().run()).ok());
  EXPECT_THAT(log.last(), StartsWith("warning `find"));
  EXPECT_TRUE(sync_wait(failing().ignore_exit_code().nolog_exit_code().run()).ok());
  EXPECT_THAT(log.last(), StartsWith("debug `find"));
}

task<> server_and_client() {
  process server = child("listen");
  server.start();
  expect ready(server.out());
  ready.on("listening on port (\\d+)$");
  auto up = co_await ready.next(30s);
  EXPECT_TRUE(up.matched());
  if (!up) co_return;
  const std::string port(*up.group(1));
  result sent = co_await child("send", port).input("hello there\n").run();
  EXPECT_TRUE(sent.ok()) << sent.dump();
  expect arrived(server.out());
  arrived.on("hello there");
  auto seen = co_await arrived.next(30s);
  EXPECT_TRUE(seen.matched());
  server.kill();
  result end = co_await server.wait();
  EXPECT_TRUE(end.killed());
  EXPECT_EQ(end.status(), exit_status::of_signal(SIGTERM));
  EXPECT_FALSE(end.notable()) << "it was our wish";
  EXPECT_THAT(end.out, HasSubstr("hello there\n"));
}

TEST_P(scenarios, a_client_waits_for_its_server_and_the_server_is_ended) {
  heard_log log;
  sync_wait(server_and_client());
  EXPECT_FALSE(log.has_warning());
}

/// Writes what each host prints to a file of its own, which is there for a silent host, too.
class file_of_each_host : public handler {
 public:
  explicit file_of_each_host(std::string folder) : folder_(std::move(folder)) {}
  void on_start(const started_command& c) override { file_of(c.host); }
  void on_line(const output_line& l) override {
    if (l.from == stream::out) *file_of(l.host) << l.text << '\n';
  }
  void on_end(const ended_command& c) override { file_of(c.host)->close(); }

 private:
  std::shared_ptr<std::ofstream> file_of(const host& h) {
    auto& file = files_[h.name()];
    if (!file) file = std::make_shared<std::ofstream>(folder_ + "/" + h.name() + ".out");
    return file;
  }
  std::string folder_;
  std::map<std::string, std::shared_ptr<std::ofstream>> files_;
};

TEST_P(scenarios, each_host_has_a_file_with_its_output) {
  fleet_fixture fleet("127.7.0.[1-10]");
  const ssh_options how = way_to(fleet);
  scratch_directory folder;
  const host_set hosts("127.7.0.[1-10]");
  auto all =
      remote("case $FLEET_HOST in *.7) ;; *) echo from $FLEET_HOST;; esac; echo no >&2", hosts)
          .ssh(how)
          .handle_with(std::make_shared<file_of_each_host>(folder.path()));
  action_result r = sync_wait(std::move(all).run());
  EXPECT_TRUE(r.ok());
  for (int i = 1; i <= 10; ++i) {
    const std::string name = "127.7.0." + std::to_string(i);
    struct stat there {};
    EXPECT_EQ(::stat((folder.path() + "/" + name + ".out").c_str(), &there), 0);
    EXPECT_EQ(file_bytes(folder.path() + "/" + name + ".out"), i == 7 ? "" : "from " + name + "\n");
  }
}

// A serial console: nothing until a key is pressed, then questions.
constexpr const char* console =
    "read -r key; printf 'login: '; read -r name; printf 'password: '; read -r word; "
    "printf '\\nwelcome %s\\n# ' \"$name\"; read -r line; eval \"$line\"";

task<> dialogue() {
  auto serial = process(console).shell().in(pipe()).start();
  auto keys = serial.in();
  expect e(serial.out());
  e.on("login: $").on("password: $").on("# $");
  const std::array<std::string, 4> answers{"\n", "ann\n", "secret\n", "echo $((2 * 21)); exit 0\n"};
  co_await keys.write(answers[0]);
  for (std::size_t question = 0; question < 3; ++question) {
    auto asked = co_await e.next(30s);
    EXPECT_EQ(asked.index(), question);
    co_await keys.write(answers[question + 1]);
  }
  auto end = co_await serial.wait();
  EXPECT_TRUE(end.ok());
  EXPECT_THAT(end.out, ::testing::EndsWith("welcome ann\n# 42\n"));
}

TEST_P(scenarios, a_dialogue_goes_on_after_each_match) { sync_wait(dialogue()); }

task<> missing_prompt() {
  auto silent = process(console).shell().in(pipe()).start();
  expect e(silent.out());
  e.on("login: $");
  timer since;
  auto asked = co_await e.next(200ms);
  EXPECT_EQ(asked.how(), expect_end::timed_out);
  EXPECT_EQ(asked.index(), expect_result::npos);
  EXPECT_GE(since.elapsed(), 200ms);
  silent.kill();
  co_await silent.wait();
}

TEST_P(scenarios, a_missing_prompt_ends_at_its_deadline) { sync_wait(missing_prompt()); }

task<std::vector<std::string>> dialogues_side_by_side() {
  std::vector<process> all;
  std::vector<expect> watched;
  patterns prompt;
  prompt.on("ready (\\d)$");
  for (int i = 0; i < 5; ++i) {
    const std::string text =
        i == 3 ? "exec sleep 300" : "echo ready " + std::to_string(i) + "; cat";
    all.push_back(process(text).shell().in(pipe()).start());
    watched.emplace_back(all.back().out(), prompt);
  }
  auto seen = co_await expect_all(watched, 2s);
  std::vector<std::string> answers;
  for (const expect_result& one : seen) answers.emplace_back(one.text());
  for (process& p : all) {
    p.kill();
    co_await p.wait();
  }
  co_return answers;
}

TEST_P(scenarios, parallel_expects_answer_for_each_process_in_order) {
  EXPECT_THAT(sync_wait(dialogues_side_by_side()),
              ElementsAre("ready 0", "ready 1", "ready 2", "", "ready 4"));
}

// Each client has the server of another host. A server says what it was sent.
task<std::vector<action_result>> servers_and_clients(const host_set& hosts,
                                                     const std::vector<std::string>& targets,
                                                     ssh_options how, std::string folder) {
  auto servers = remote("mkfifo $FLEET_HOST; cat <$FLEET_HOST", hosts).ssh(how).cwd(folder);
  auto clients =
      remote("until [ -p {{targets}} ]; do sleep 0.01; done; echo {{{host}}} >{{targets}}", hosts)
          .subst("targets", targets)
          .ssh(how)
          .cwd(folder);
  servers.start();
  std::vector<action_result> ends;
  ends.push_back(co_await clients.run());
  ends.push_back(co_await servers.wait());
  co_return ends;
}

TEST_P(scenarios, servers_and_their_clients_are_reported_side_by_side) {
  fleet_fixture fleet("127.7.0.[1-3]");
  scratch_directory folder;
  const std::vector<std::string> targets{"127.7.0.3", "127.7.0.1", "127.7.0.2"};
  const auto ends = sync_wait(
      servers_and_clients(host_set("127.7.0.[1-3]"), targets, way_to(fleet), folder.path()));
  for (std::size_t i = 0; i < 3; ++i) {
    const host_result& server = ends[1][targets[i]];
    EXPECT_EQ(server.out, ends[0].all().at(i).host.name() + "\n") << server.describe();
    EXPECT_EQ(server.err, "");
  }
  report both;
  both.add(ends[0]).add(ends[1]);
  EXPECT_EQ(both.stats().total, 6U);
  EXPECT_EQ(both.stats().ok, 6U);
  const std::string shown = both.to_string(report_options().wide());
  EXPECT_EQ(std::ranges::count(shown, '\n'), 2 + 4) << "a line for each action";
  EXPECT_LT(shown.find("mkfifo"), shown.find("until")) << "by their starts";
}

// The dead one keeps none of the others from it.
TEST_P(scenarios, a_large_file_reaches_all_hosts_but_a_dead_one_and_comes_back) {
  fleet_fixture fleet("127.7.0.[1-2,4-5]");
  scratch_directory folder;
  const std::string here = folder.path() + "/here", there = folder.path() + "/on-{{{host}}}/";
  std::ofstream(here, std::ios::binary)
      << random_bytes(7).take(static_cast<std::size_t>(long_count(50)) * 1'000'000);
  const host_set hosts("127.7.0.[1-5]");
  ssh_options how = way_to(fleet);
  how.max_retries = 0;
  const action_result sent = sync_wait(put(here, hosts, there).make_directories().ssh(how).run());
  EXPECT_EQ(sent.failed_hosts(), host_set("127.7.0.3"));
  EXPECT_EQ(sent["127.7.0.3"].how(), end_reason::connect_failed);
  const action_result back = sync_wait(
      get(there + "here", filter_bad_hosts(hosts, sent), folder.path() + "/back").ssh(how).run());
  EXPECT_TRUE(back.ok()) << back.describe();
  const std::string bytes = file_bytes(here);
  for (const std::string& name : filter_bad_hosts(hosts, sent)) {
    EXPECT_TRUE(file_bytes(folder.path() + "/back/" + name + "/here") == bytes) << name;
    const std::filesystem::directory_iterator all(folder.path() + "/on-" + name);
    EXPECT_EQ(std::distance(begin(all), end(all)), 1) << "nothing else is left there";
  }
  report both;
  both.add(sent).add(back);
  EXPECT_EQ(both.stats().errors, 1U);
  EXPECT_EQ(both.stats().ok, 8U);
  EXPECT_EQ(both.stats().parts.size(), 2U);
}

TEST_P(scenarios, a_deaf_process_is_killed_after_its_deadline_and_its_patience) {
  heard_log log;
  auto deaf = child("ignore-term").timeout(1s).kill_timeout(2s);
  result r = sync_wait(std::move(deaf).run());
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_TRUE(r.killed());
  EXPECT_TRUE(r.forced_kill());
  EXPECT_EQ(r.status(), exit_status::of_signal(SIGKILL));
  EXPECT_GE(r.elapsed(), 3s);
  EXPECT_FALSE(r.ok());
  EXPECT_THAT(log.last(), StartsWith("warning"));
  report_stats counted = report(r).stats();
  EXPECT_EQ(counted.timeouts, 1U);
  EXPECT_EQ(counted.forced_kills, 1U);
  auto quiet = child("ignore-term").timeout(20ms).kill_timeout(20ms);
  EXPECT_TRUE(sync_wait(std::move(quiet).ignore_timeout().nolog_timeout().run()).ok());
  EXPECT_THAT(log.last(), StartsWith("debug"));
}

TEST(scenarios_in_time, a_policy_of_three_signals_takes_the_time_it_says) {
  stop_policy steps;
  steps.then(SIGINT, 2s).then(SIGTERM, 5s).then(SIGKILL);
  process p = child("ignore-term");
  p.stop_policy(steps);
  auto work = [&]() -> task<result> {
    p.start();
    auto output = p.out();
    auto up = co_await output.next_line();
    EXPECT_TRUE(up);
    p.kill();
    timer since;
    auto end = co_await p.wait();
    EXPECT_GE(since.elapsed(), 7s);
    co_return end;
  };
  result r = sync_wait(work());
  EXPECT_EQ(r.status(), exit_status::of_signal(SIGKILL));
  EXPECT_TRUE(r.forced_kill());
}

TEST_P(scenarios, three_hundred_commands_of_six_kinds_are_reported) {
  scratch_directory folder;
  const std::string no_program = folder.path() + "/plain";
  std::ofstream(no_program) << "data";
  const std::array<std::string, 6> kinds{
      "ls /", "false", no_program, "portinouak", "echo one ; sleep two", "sleep 0.2"};
  std::vector<process::owned_run_op> all;
  for (int i = 0; i < 50; ++i)
    for (const std::string& text : kinds) all.push_back(process(text).run());
  std::vector<result> ends = sync_wait(when_all(std::move(all)));
  ASSERT_EQ(ends.size(), 300U);
  report table("smoke");
  for (const result& r : ends) table.add(r);
  EXPECT_EQ(ends[4].out, "one ; sleep two\n") << "no shell, no separator";

  const report_stats total = table.stats();
  EXPECT_EQ(total.total, 300U);
  EXPECT_EQ(total.ok, 150U);
  EXPECT_EQ(total.errors, 100U);
  EXPECT_EQ(total.bad_exits, 50U);
  const std::string shown = table.to_string(report_options().wide());
  EXPECT_EQ(std::ranges::count(shown, '\n'), 300 + 4) << "a heading, two rules and the total";
  auto read_back = nlohmann::json::parse(table.to_json());
  EXPECT_EQ(read_back["parts"].size(), 300U);
  EXPECT_EQ(read_back["errors"], 100);
}

}  // namespace
}  // namespace execo::test
