// Waiting for patterns in the output of real processes.
#include "execo/expect.hpp"

#include <gmock/gmock.h>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/driven.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class expects : public on_each_backend {};
EXECO_ON_EACH_BACKEND(expects);

process sh(std::string_view text) { return process("sh").args("-c", text); }

TEST_P(expects, a_conversation_goes_from_prompt_to_prompt) {
  auto work = []() -> task<> {
    auto p = sh("printf 'name: '; read n; printf \"hello $n\\nage: \"; read a; echo \"$a!\"")
                 .in(pipe())
                 .start();
    expect e(p.out());
    e.on("name: $").on("hello (?P<who>\\w+)\\n(x)?").on("age: $");
    auto m = co_await e.next(10s);
    EXPECT_EQ(m.index(), 0U);
    EXPECT_EQ(m.text(), "name: ");
    co_await p.in().write("ann\n");
    m = co_await e.next(10s);
    EXPECT_EQ(m.index(), 1U);
    EXPECT_EQ(m.groups(), 2U);
    EXPECT_EQ(m.group(0), "hello ann\n");
    EXPECT_EQ(m.group("who"), "ann");
    EXPECT_EQ(m.group(2), std::nullopt);
    EXPECT_EQ(m.position(), 6U);
    EXPECT_THROW((void)m.group(3), std::out_of_range);
    EXPECT_THROW((void)m.group("when"), std::out_of_range);
    m = co_await e.next(10s);
    EXPECT_EQ(m.index(), 2U);
    co_await p.in().write("7\n");
    auto rest = co_await p.out().next_line();
    EXPECT_EQ(rest, "7!") << "a reader goes on where the match ended";
    m = co_await e.next(10s);
    EXPECT_EQ(m.how(), expect_end::end_of_stream);
    auto r = co_await p.wait();
    EXPECT_EQ(r.out, "name: hello ann\nage: 7!\n") << "the capture has it too";
  };
  sync_wait(work());
}

TEST_P(expects, the_end_of_the_stream_and_of_the_time_are_results) {
  auto work = []() -> task<> {
    auto p = sh("printf abc; read x; printf def").in(pipe()).start();
    expect e(p.out());
    e.on("c$").on("z");
    auto m = co_await e.next();
    EXPECT_EQ(m.before(), "ab");
    m = co_await e.next(20ms);
    EXPECT_EQ(m.how(), expect_end::timed_out);
    EXPECT_FALSE(m);
    EXPECT_EQ(m.index(), expect_result::npos);
    EXPECT_EQ(m.text(), "");
    EXPECT_EQ(m.position(), 3U);
    p.in().close();
    for (int i = 0; i < 2; ++i) {
      m = co_await e.next();
      EXPECT_EQ(m.how(), expect_end::end_of_stream);
      EXPECT_EQ(m.before(), "def") << "it stays there";
      EXPECT_EQ(m.position(), 6U);
    }
    e.on("e");
    m = co_await e.next(0s);
    EXPECT_EQ(m.index(), 2U) << "a pattern that is new is tried on what is there";
    auto rest = co_await p.out().read_all();
    EXPECT_EQ(rest, "f");
  };
  sync_wait(work());
}

TEST_P(expects, what_a_silent_process_wrote_before_is_matched) {
  process p = sh("printf 'one two three'");
  EXPECT_TRUE(sync_wait(p.run()).ok());
  auto work = [](process& of) -> task<> {
    expect e(of.out());
    e.on("two");
    auto m = co_await e.next(0s);
    EXPECT_EQ(m.before(), "one ");
    expect late(of.out());
    late.on("three").from_now();
    m = co_await late.next();
    EXPECT_EQ(m.how(), expect_end::end_of_stream);
    EXPECT_EQ(m.before(), "");
  };
  sync_wait(work(p));
}

TEST_P(expects, a_stop_loses_no_byte) {
  auto work = []() -> task<> {
    auto p = sh("printf 'par'; read x; printf 'tial'").in(pipe()).start();
    expect e(p.out());
    e.on("partial");
    auto early = co_await timeout(e.next(), 50ms);
    EXPECT_FALSE(early);
    p.in().close();
    auto m = co_await e.next(10s);
    EXPECT_EQ(m.text(), "partial");
    EXPECT_EQ(m.dropped(), 0U);
  };
  sync_wait(work());
}

TEST_P(expects, standard_error_has_its_own) {
  auto work = []() -> task<> {
    auto p = sh("echo a >&2; echo a; echo b >&2").out(pipe()).err(pipe()).start();
    expect out(p.out()), err(p.err());
    out.on("\\w\\n");
    err.on("b\\n");
    auto both = co_await when_all(out.next(10s), err.next(10s));
    EXPECT_EQ(std::get<0>(both).text(), "a\n");
    EXPECT_EQ(std::get<1>(both).before(), "a\n");
  };
  sync_wait(work());
}

TEST_P(expects, handlers_get_their_match_and_their_exceptions_arrive) {
  auto work = []() -> task<> {
    auto p = sh("echo a1; echo b2; echo c3").start();
    std::vector<std::string> seen;
    expect e(p.out());
    e.on("a(\\d)", [&](const expect_result& m) { seen.emplace_back(*m.group(1)); });
    e.on("c(\\d)", [&](const expect_result&) { throw std::runtime_error("of a handler"); });
    auto looked = co_await e.look(10s);
    EXPECT_TRUE(looked.matched());
    EXPECT_TRUE(seen.empty());
    auto m = co_await e.next(10s);
    EXPECT_EQ(m.text(), looked.text());
    EXPECT_THAT(seen, ElementsAre("1"));
    EXPECT_THROW((void)co_await e.next(10s), std::runtime_error);
    m = co_await e.next(10s);
    EXPECT_EQ(m.how(), expect_end::end_of_stream) << "the match was used up";
  };
  sync_wait(work());
}

TEST_P(expects, memory_is_bounded_and_what_goes_is_counted) {
  constexpr std::size_t mib = std::size_t{1} << 20;
  auto work = [](sink to) -> task<> {
    auto p = sh("head -c 8388608 /dev/zero; printf end").out(to);
    expect e(p.out());
    p.start();
    e.on("end").max_buffer(1000);
    auto m = co_await e.next(60s);
    EXPECT_TRUE(m.matched());
    EXPECT_EQ(m.before(), std::string(1000, '\0'));
    EXPECT_EQ(m.position(), 8 * mib);
    EXPECT_EQ(m.dropped(), 8 * mib - 1000);
  };
  sync_wait(work(pipe()));
  sync_wait(work(capture(16 * mib)));
  sync_wait(work(capture(1000)));
  sync_wait(work(capture(1000, overflow::head_and_tail())));
}

TEST_P(expects, bytes_that_were_gone_before_the_first_search_are_counted) {
  auto work = []() -> task<> {
    auto p = sh("printf 0123456789").out(capture(4)).start();
    co_await p.wait();
    expect e(p.out());
    e.on("23456");
    auto m = co_await e.next();
    EXPECT_EQ(m.how(), expect_end::end_of_stream) << "what is missing is not skipped silently";
    EXPECT_EQ(m.before(), "0123");
    EXPECT_EQ(m.dropped(), 6U);
    m = co_await e.next();
    EXPECT_EQ(m.before(), "0123");
    EXPECT_EQ(m.dropped(), 0U) << "told once";
  };
  sync_wait(work());
}

TEST_P(expects, all_of_several_give_a_result_each) {
  auto work = []() -> task<> {
    patterns what;
    what.on("ready (\\d)").on("failed");
    std::vector<process> ps;
    ps.push_back(sh("echo ready 1; exec sleep 60").start());
    ps.push_back(sh("echo nothing").start());
    ps.push_back(sh("exec sleep 60").start());
    ps.push_back(sh("echo failed; exec sleep 60").start());
    std::vector<expect> all;
    for (process& p : ps) all.emplace_back(p.out(), what);
    auto results = co_await expect_all(all, 500ms);
    std::vector<expect_end> ends;
    for (const auto& r : results) ends.push_back(r.how());
    EXPECT_THAT(ends, ElementsAre(expect_end::matched, expect_end::end_of_stream,
                                  expect_end::timed_out, expect_end::matched));
    EXPECT_EQ(results[0].group(1), "1");
    EXPECT_EQ(results[3].index(), 1U);
    for (process& p : ps) p.kill();
    for (process& p : ps) co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(expects, a_stop_of_all_of_several_uses_nothing_up) {
  auto work = []() -> task<> {
    std::vector<process> ps;
    ps.push_back(sh("echo ready").start());
    ps.push_back(sh("exec sleep 60").start());
    std::vector<expect> all;
    for (process& p : ps) all.push_back(expect(p.out()).on("ready"));
    auto early = co_await timeout(expect_all(all), 100ms);
    EXPECT_FALSE(early);
    auto m = co_await all[0].next(10s);
    EXPECT_TRUE(m.matched());
    ps[1].kill();
    co_await ps[1].wait();
  };
  sync_wait(work());
}

TEST_P(expects, the_first_of_several_takes_nothing_from_the_others) {
  auto work = []() -> task<> {
    std::vector<process> ps;
    for (const char* text : {"true", "echo ready", "echo ready"}) ps.push_back(sh(text).start());
    for (process& p : ps) co_await p.wait();
    std::vector<expect> all;
    for (process& p : ps) all.push_back(expect(p.out()).on("ready"));
    auto first = co_await expect_any(all, 10s);
    EXPECT_EQ(first.index, 1U);
    auto second = co_await expect_any(all, 10s);
    EXPECT_EQ(second.index, 2U) << "both had come in the same turn";
    auto none = co_await expect_any(all, 10s);
    EXPECT_EQ(none.index, expect_result::npos);
    EXPECT_EQ(none.value.how(), expect_end::end_of_stream);
    std::vector<expect> nobody;
    EXPECT_THROW(co_await expect_any(nobody), std::invalid_argument);
  };
  sync_wait(work());
}

TEST_P(expects, the_first_of_several_waits_no_longer_than_it_may) {
  auto work = []() -> task<> {
    std::vector<process> ps;
    ps.push_back(sh("true").start());
    ps.push_back(sh("exec sleep 60").start());
    std::vector<expect> all;
    for (process& p : ps) all.push_back(expect(p.out()).on("ready"));
    auto none = co_await expect_any(all, 50ms);
    EXPECT_EQ(none.index, expect_result::npos);
    EXPECT_EQ(none.value.how(), expect_end::timed_out);
    ps[1].kill();
    co_await ps[1].wait();
  };
  sync_wait(work());
}

TEST_P(expects, a_process_may_live_on_another_context) {
  driven other;
  process p = sh("printf 'go: '; read x; printf \"$x\"");
  p.on(other.get()).in(pipe()).start();
  auto work = [](process& of) -> task<> {
    std::vector<expect> all;
    all.push_back(expect(of.out()).on("go: "));
    auto first = co_await expect_any(all, 10s);
    EXPECT_EQ(first.index, 0U);
    auto cut = co_await timeout(all[0].next(), 50ms);
    EXPECT_FALSE(cut);
    co_await of.in().write("gone\n");
    all[0].on("gone");
    auto m = co_await all[0].next(10s);
    EXPECT_EQ(m.index(), 1U);
    co_await of.wait();
  };
  sync_wait(work(p));
}

TEST_P(expects, misuse_throws) {
  auto work = []() -> task<> {
    process idle("true");
    expect early(idle.out());
    EXPECT_THROW((void)co_await early.next(), std::logic_error) << "not started";
    auto elsewhere = process("true").out(null()).start();
    expect nothing(elsewhere.out());
    EXPECT_THROW((void)co_await nothing.next(10s), std::logic_error);
    co_await elsewhere.wait();
    auto p = process("sleep 60").start();
    expect e(p.out());
    EXPECT_THROW(e.on("("), std::invalid_argument);
    auto two = co_await when_all_settled(e.next(50ms), p.out().next(), e.next(50ms));
    EXPECT_EQ(std::get<0>(two).value().how(), expect_end::timed_out);
    EXPECT_THROW((void)std::get<1>(two).value(), std::logic_error);
    EXPECT_THROW((void)std::get<2>(two).value(), std::logic_error);
    p.kill();
    co_await p.wait();
  };
  sync_wait(work());
}

}  // namespace
}  // namespace execo::test
