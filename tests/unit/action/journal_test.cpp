// The journal that an action writes: what is in it when, and what is run when it goes on.
#include "execo/journal.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "action/journal_file.hpp"
#include "execo/composite.hpp"
#include "execo/local.hpp"
#include "execo/ndjson.hpp"
#include "execo/remote.hpp"
#include "temp_folder.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class action_journals : public on_each_backend {
 protected:
  std::vector<json> records(const std::string& name = "run") const {
    std::vector<json> all;
    std::istringstream from(folder_.read(name));
    for (std::string line; std::getline(from, line);) all.push_back(json::parse(line));
    return all;
  }
  std::string path(const std::string& name = "run") const { return folder_ / name; }

  temp_folder folder_;
  fake_hosts hosts_;
};
EXECO_ON_EACH_BACKEND(action_journals);

journal_errc code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const journal_error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no journal_error";
  return journal_errc::damaged;
}

TEST_P(action_journals, have_the_run_then_an_attempt_and_an_end_for_each_host) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.out = "hello\n";
    s.code = where.name() == "h1" ? 2 : 0;
    return s;
  };
  fake_action a(hosts_, 2);
  a.state().set_journal(
      journal_options(path()).arguments({"run", "x"}).directory("/srv").connection("user", "me"));
  auto r = sync_wait(a.run());
  const std::vector<json> all = records();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0]["record"], "run");
  EXPECT_EQ(all[0]["schema"], 1);
  EXPECT_EQ(all[0]["hosts"], json({"h0", "h1"}));
  EXPECT_EQ(all[0]["command"], "work");
  EXPECT_EQ(all[0]["arguments"], json({"run", "x"}));
  EXPECT_EQ(all[0]["directory"], "/srv");
  EXPECT_EQ(all[0]["connection"]["user"], "me");
  for (const json& end : all) {
    if (end["record"] != "end") continue;
    const host_result& of = r.all()[end["index"]];
    json line = json::parse(to_ndjson(of));
    for (const auto& [key, value] : line.items()) EXPECT_EQ(end[key], value) << key;
    EXPECT_EQ(end["ok"], of.ok());
    EXPECT_EQ(end["begun"], "yes");
    EXPECT_TRUE(end["phases"].contains("run"));
  }
  struct stat about {};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
}

// The command itself looks for its attempt.
TEST_P(action_journals, have_the_attempt_before_the_command_runs_on_any_ring) {
  context on{rings(2)};
  auto r = sync_wait(on, local("grep -c '\"attempt\",\"host\":\"'$EXECO_HOST'\"' $FILE", "w[1-40]")
                             .shell()
                             .env("FILE", path())
                             .journal(path())
                             .run());
  for (const host_result& one : r.all()) EXPECT_EQ(one.out, "1\n") << one.describe();
  EXPECT_EQ(journal(path()).count("ok"), 40U);
}

TEST_P(action_journals, are_not_made_where_there_is_a_file) {
  folder_.write("run", "mine");
  EXPECT_EQ(code_of([&] { (void)local("true").journal(path()); }), journal_errc::exists);
  EXPECT_EQ(folder_.read("run"), "mine");
  EXPECT_EQ(code_of([&] { (void)local("true").journal(path("none/run")); }),
            journal_errc::unreadable);
}

TEST_P(action_journals, of_a_run_that_did_not_begin_are_removed) {
  { auto never = local("true").journal(path()); }
  EXPECT_FALSE(std::filesystem::exists(path()));
  {
    auto refused = local("echo {{{host}}}", {"$(id)"}).shell().journal(path());
    EXPECT_THROW((void)sync_wait(refused.run()), std::invalid_argument);
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_P(action_journals, know_hosts_that_a_stop_kept_from_beginning) {
  hosts_.all_take(1h);
  fake_action a(hosts_, 5);
  a.fanout(2);
  a.state().set_journal(path());
  auto work = [&]() -> task<> {
    a.start();
    a.request_stop();
    (void)co_await a.wait();
  };
  sync_wait(work());
  const journal after(path());
  EXPECT_EQ(after.count("not_started"), 5U - after.count("done"));
  EXPECT_GE(after.count("not_started"), 3U);
  EXPECT_EQ(after.count("unknown"), 0U);
}

TEST_P(action_journals, go_on_with_the_hosts_that_are_left_at_their_positions) {
  const std::vector<host> hosts{"a", "b", "c", "d", "e"};
  (void)sync_wait(local("true", hosts).journal(path()).run());
  // As if the process had been killed: the ends of c and e are missing, and d was not begun.
  std::string cut;
  std::istringstream from(folder_.read("run"));
  for (std::string line; std::getline(from, line);) {
    const json record = json::parse(line);
    const int index = record.value("index", 0);
    if (record["record"] == "end" && (index == 2 || index == 4)) continue;
    if (index != 3) cut += line + "\n";
  }
  folder_.write("run", cut + "{\"record\":\"end\",\"ind");
  auto r = sync_wait(
      local("echo {{{index}}} {{{host}}}", hosts).journal(journal_options(path()).resume()).run());
  ASSERT_EQ(r.all().size(), 1U);
  EXPECT_EQ(r.all()[0].out, "3 d\n");
  EXPECT_EQ(r.all()[0].index, 3U);
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(journal(path()).hosts("unknown").to_string(), "c,e");

  auto again = sync_wait(local("echo {{{index}}}", hosts)
                             .journal(journal_options(path()).resume().idempotent())
                             .run());
  ASSERT_EQ(again.all().size(), 2U);
  EXPECT_EQ(again.all()[0].out, "2\n");
  EXPECT_EQ(again.all()[1].out, "4\n");
  EXPECT_EQ(journal(path()).count("ok"), 5U);
  EXPECT_EQ(journal(path()).entry(4).attempts, 2U);
  std::map<int, int> unknown;
  for (const json& one : records())
    if (one.value("end", "") == "unknown") ++unknown[one["index"]];
  EXPECT_EQ(unknown, (std::map<int, int>{{2, 1}, {4, 1}}));
}

TEST_P(action_journals, belong_to_one_run_at_a_time_and_to_its_hosts) {
  const std::vector<host> hosts{"a", "b"};
  (void)sync_wait(local("true", hosts).journal(path()).run());
  const journal_options again = journal_options(path()).resume();
  auto first = local("true", hosts).journal(again);
  EXPECT_EQ(code_of([&] { (void)local("true", hosts).journal(again); }), journal_errc::in_use);
  first = local("true", hosts);
  EXPECT_EQ(code_of([&] {
              (void)local("true", {"a", "c"}).journal(again);
            }),
            journal_errc::other_hosts);
  EXPECT_EQ(code_of([&] { (void)local("true").journal(journal_options(path("none")).resume()); }),
            journal_errc::unreadable);
  auto left = local("true", hosts).journal(again);
  EXPECT_TRUE(sync_wait(std::move(left).allow_empty().run()).ok());
}

TEST_P(action_journals, are_free_as_soon_as_their_run_has_ended) {
  const std::vector<host> hosts{"a", "b"};
  auto work = [&]() -> task<> {
    auto first = local("true", hosts).journal(path());
    (void)co_await first.run();
    auto again = local("true", hosts).allow_empty().journal(journal_options(path()).resume());
    auto r = co_await again.run();
    EXPECT_TRUE(r.ok());
  };
  sync_wait(work());
}

TEST_P(action_journals, of_no_host_are_read_as_well) {
  (void)sync_wait(local("true", 0).allow_empty().journal(path()).run());
  EXPECT_EQ(journal(path()).count("all"), 0U);
}

// The limit on the size of files stands for a full disk; a write past it is short, then refused.
class small_files {
 public:
  explicit small_files(rlim_t size) {
    handled_ = ::signal(SIGXFSZ, SIG_IGN);
    (void)::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit small = before_;
    small.rlim_cur = size;
    (void)::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~small_files() {
    (void)::setrlimit(RLIMIT_FSIZE, &before_);
    (void)::signal(SIGXFSZ, handled_);
  }
  small_files(const small_files&) = delete;
  small_files& operator=(const small_files&) = delete;

 private:
  rlimit before_{};
  sighandler_t handled_ = SIG_DFL;
};

class full_disks : public action_journals {
 protected:
  void expect_an_orderly_end(bool tells) {
    hosts_.behaviour = [tells](const host& where) {
      script s;
      s.takes = where.name() == "h0" ? 50ms : 1ms;
      s.tells = tells;
      return s;
    };
    fake_action a(hosts_, 1000);
    a.fanout(4);
    a.state().set_journal(path());
    int ok = 0;
    std::string problem;
    auto work = [&]() -> task<> {
      try {
        while (auto r = co_await a.next()) ok += r->ok() ? 1 : 0;
      } catch (const journal_error& error) {
        EXPECT_EQ(error.code(), journal_errc::not_written);
        problem = error.what();
      }
    };
    {
      const small_files limit(20'000);
      sync_wait(work());
    }
    EXPECT_THAT(problem, AllOf(HasSubstr(path()), HasSubstr("File too large"),
                               HasSubstr("no further host was begun")));
    EXPECT_EQ(hosts_.signals, 0);
    EXPECT_EQ(hosts_.began, ok);
    EXPECT_GT(ok, 0);
    EXPECT_LT(ok, 200);
    // No command ran that the journal does not know of.
    const journal after(path());
    EXPECT_LE(static_cast<std::size_t>(ok), 1000U - after.count("not_started"));
    EXPECT_LE(1000U - after.count("not_started"), static_cast<std::size_t>(ok) + 1);
  }
};
EXECO_ON_EACH_BACKEND(full_disks);

TEST_P(full_disks, let_no_host_begin_and_what_runs_end) { expect_an_orderly_end(false); }

TEST_P(full_disks, let_none_begin_that_is_connected_already) { expect_an_orderly_end(true); }

TEST_P(action_journals, have_no_attempt_on_a_host_that_was_not_reached) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.tells = true;
    s.fails = where.name() == "h1";
    return s;
  };
  fake_action a(hosts_, 3);
  a.state().set_journal(path());
  (void)sync_wait(a.run());
  std::map<std::string, int> attempts;
  std::map<std::string, int> ends;
  for (const json& one : records()) {
    if (one["record"] == "attempt") ++attempts[one["host"]];
    if (one["record"] == "end") ++ends[one["host"]];
  }
  EXPECT_EQ(attempts, (std::map<std::string, int>{{"h0", 1}, {"h2", 1}}));
  EXPECT_EQ(ends, (std::map<std::string, int>{{"h0", 1}, {"h1", 1}, {"h2", 1}}));
  EXPECT_EQ(journal(path()).hosts("failed").to_string(), "h1");
}

TEST_P(action_journals, whose_first_line_cannot_be_written_let_nothing_run) {
  fake_action a(hosts_, 10);
  a.state().set_journal(path());
  {
    const small_files limit(10);
    EXPECT_EQ(code_of([&] { (void)sync_wait(a.run()); }), journal_errc::not_written);
  }
  EXPECT_EQ(hosts_.opened, 0);
}

TEST(journal_file, takes_no_line_after_a_part_of_one) {
  temp_folder folder;
  auto made = detail::journal_file::create(folder / "run");
  EXPECT_TRUE(made->write("12345\n"));
  EXPECT_FALSE(made->is_synced());
  made->sync();
  EXPECT_TRUE(made->is_synced());
  {
    const small_files limit(10);
    EXPECT_FALSE(made->write("12345\n"));
  }
  EXPECT_FALSE(made->write("12345\n"));
  EXPECT_EQ(folder.read("run"), "12345\n1234");
}

TEST_P(action_journals, of_a_run_that_goes_on_join_no_composite) {
  const std::vector<host> hosts{"a", "b"};
  (void)sync_wait(local("true", hosts).journal(path()).run());
  const std::string cut = folder_.read("run");
  folder_.write("run", cut.substr(0, cut.find('\n') + 1));
  EXPECT_THROW((void)parallel(local("true", hosts).journal(journal_options(path()).resume())),
               std::logic_error);
}

TEST_P(action_journals, of_members_of_a_composite_have_their_own_positions) {
  (void)sync_wait(parallel(local("true", {"a", "b"}).journal(path("one")),
                           local("true", {"c", "d"}).journal(path("two")))
                      .run());
  EXPECT_EQ(journal(path("one")).hosts("ok").to_string(), "a,b");
  EXPECT_EQ(journal(path("two")).hosts("ok").to_string(), "c,d");
}

}  // namespace
}  // namespace execo::test
