// Every shape that the documents show, spelled as they spell it. Compiled by GCC 12, which
// miscompiles some of what may stand beside co_await, and run under its AddressSanitizer.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <execo/execo.hpp>

#include "unit/coro/foreign.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class spelling : public on_each_backend {};
EXECO_ON_EACH_BACKEND(spelling);

execo::task<int> demo() {
  auto r = co_await execo::process{"ls /"}.run();
  if (!r.ok()) fmt::print(stderr, "{}\n", r.describe());

  auto [a, b] =
      co_await execo::when_all(execo::process{"true"}.run(), execo::process{"id -u"}.run());
  auto [i, first] =
      co_await execo::when_any(execo::process{"sleep 9"}.run(), execo::process{"sleep 0.05"}.run());
  EXPECT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(i, 1U);
  EXPECT_TRUE(first.ok());

  auto p = execo::process{"sleep 60"}.start();
  p.kill();
  auto end = co_await p.wait();
  EXPECT_FALSE(end.ok());
  co_return r.ok() ? 0 : 1;
}

TEST_P(spelling, the_first_example) { EXPECT_EQ(execo::sync_wait(demo()), 0); }

execo::task<> configured() {
  std::string dir = "/usr";
  auto r = co_await execo::process{"pwd"}.args("-P").cwd(dir).timeout(30s).run();
  EXPECT_EQ(r.out, "/usr\n");
  auto s = co_await execo::process("cat").input("text").env("A", "1").max_output(2).run();
  EXPECT_EQ(s.out, "te");
  auto t = co_await execo::process("exit 4").shell().accept(4).run();
  EXPECT_TRUE(t.ok());
  std::string word = "c d";
  auto u = co_await execo::process("printf %s,").args("a b", word, std::string_view("e")).run();
  EXPECT_EQ(u.out, "a b,c d,e,");
  execo::process kept("echo kept");
  kept.timeout(30s).kill_timeout(1s);
  auto v = co_await kept;
  EXPECT_EQ(v.check().out, "kept\n");
}

TEST_P(spelling, fluent_configuration) { execo::sync_wait(configured()); }

execo::task<std::string> temporaries() {
  // Each of these puts class temporaries into an expression with co_await.
  const std::string text =
      (co_await execo::process("echo a").run()).out + (co_await execo::process("echo b").run()).out;
  std::vector<std::string> lines;
  lines.push_back((co_await execo::process("echo c").run()).out);
  for (char c : (co_await execo::process("printf xyz").run()).out) lines.emplace_back(1, c);
  if ((co_await execo::process("true").run()).ok()) lines.emplace_back("ok");
  while ((co_await execo::process("false").run()).ok()) lines.emplace_back("never");
  std::string all = text;
  for (const std::string& l : lines) all += l;
  co_return all;
}

TEST_P(spelling, awaits_inside_expressions) {
  EXPECT_EQ(execo::sync_wait(temporaries()), "a\nb\nc\nxyzok");
}

execo::task<execo::result> passed_on(execo::process p) { co_return co_await std::move(p).run(); }

execo::task<> many() {
  std::vector<execo::process::owned_run_op> runs;
  for (int n = 0; n < 5; ++n) runs.push_back(execo::process("echo " + std::to_string(n)).run());
  auto results = co_await execo::when_all(std::move(runs));
  EXPECT_EQ(results[4].out, "4\n");

  std::vector<execo::task<execo::result>> tasks;
  for (int n = 0; n < 5; ++n)
    tasks.push_back(passed_on(execo::process("echo").args(std::to_string(n))));
  auto again = co_await execo::when_all(std::move(tasks));
  EXPECT_EQ(again[3].out, "3\n");

  auto both = co_await execo::when_all(execo::process{"true"}, execo::process{"false"});
  EXPECT_TRUE(std::get<0>(both).ok());
  EXPECT_FALSE(std::get<1>(both).ok());
}

TEST_P(spelling, ranges_of_operations) { execo::sync_wait(many()); }

execo::task<> bounded() {
  auto late = co_await execo::timeout(execo::process("sleep 60").run(), 20ms);
  EXPECT_FALSE(late);
  auto in_time = co_await execo::timeout(execo::process("echo x").run(), 30s);
  EXPECT_TRUE(in_time);
  EXPECT_EQ(in_time->out, "x\n");

  std::stop_source source;
  source.request_stop();
  auto stopped = co_await execo::with_stop(execo::process("sleep 60").run(), source.get_token());
  EXPECT_EQ(stopped.how(), execo::end_reason::cancelled);

  co_await execo::sleep(1ms);

  execo::scope s;
  s.spawn(execo::process("true").run());
  s.spawn(execo::sleep(1ms));
  co_await s.join();

  int sum = 0;
  auto work = [&sum](execo::scope& inner) -> execo::task<> {
    auto add = [](int& to, int n) -> execo::task<> {
      co_await execo::sleep(1ms);
      to += n;
    };
    for (int n = 1; n <= 4; ++n) inner.spawn(add(sum, n));
    co_return;
  };
  co_await execo::with_scope(std::move(work));
  EXPECT_EQ(sum, 10);
}

TEST_P(spelling, deadlines_stops_and_scopes) { execo::sync_wait(bounded()); }

TEST_P(spelling, plain_code_waits_for_an_operation_directly) {
  EXPECT_EQ(execo::sync_wait(execo::process("echo x").run()).out, "x\n");
  execo::context where;
  EXPECT_TRUE(execo::sync_wait(where, execo::process("true")).ok());
  auto [a, b] = execo::sync_wait(execo::when_all(execo::sleep(1ms), execo::process("true").run()));
  EXPECT_TRUE(b.ok());
  EXPECT_EQ(a, std::monostate());
}

eager<std::string> from_another_library() {
  auto r = co_await execo::process{"echo from"}.run();
  auto [i, any] = co_await execo::when_any(execo::sleep(1h), execo::sleep(1ms));
  co_return r.out + std::to_string(i);
}

TEST_P(spelling, a_coroutine_of_another_library) {
  execo::context where;
  std::optional<eager<std::string>> work;
  where.post([&] { work.emplace(from_another_library()); });
  auto until = [&]() -> execo::task<std::string> {
    while (!work || !work->ready()) co_await execo::sleep(1ms);
    co_return work->get();
  };
  EXPECT_EQ(execo::sync_wait(where, until()), "from\n1");
}

// Port 1 of this machine refuses: the shapes are what matters here.
execo::ssh_options nobody_there() {
  execo::ssh_options o;
  o.port = 1;
  o.host_key_policy = execo::host_keys::ignore;
  o.known_hosts = "/dev/null";
  return o;
}

execo::task<int> remotely() {
  auto hosts = execo::host_set{"127.0.0.[1-5]"} - "127.0.0.3";
  auto up = execo::remote("uname -r", hosts).ssh(nobody_there()).timeout(20s).fanout(2);
  int seen = 0;
  while (auto h = co_await up.next()) {
    EXPECT_FALSE(h->ok());
    EXPECT_THAT(fmt::format("{:12} {}\n", h->host.name(), h->ok() ? h->out : h->describe()),
                ::testing::HasSubstr("127.0.0."));
    ++seen;
  }
  auto rep = co_await execo::remote("make -j", hosts).ssh(nobody_there()).run();
  EXPECT_EQ(rep.all().size(), 4U);
  EXPECT_FALSE(rep.ok());
  EXPECT_THROW(rep.check(), execo::process_error);
  for (const auto& group : rep.by_output()) EXPECT_GT(group.count, 0U);
  co_return seen;
}

TEST_P(spelling, remote_commands) { EXPECT_EQ(execo::sync_wait(remotely()), 4); }

}  // namespace
}  // namespace execo::test
