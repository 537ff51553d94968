// Processes of which one reads what another writes.
#include "execo/pipeline.hpp"

#include <gmock/gmock.h>

#include <execo/execo.hpp>

#include "random_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class pipelines : public on_each_backend {};
EXECO_ON_EACH_BACKEND(pipelines);

TEST_P(pipelines, run_their_commands_at_once) {
  pipeline_result r =
      sync_wait((process("printf 'b\\na\\nc\\n'") | process("sort") | process("head -n 2")).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.last().out, "a\nb\n");
  EXPECT_EQ(r.all().size(), 3U);
  EXPECT_EQ(r.describe(), "ok, 3 commands");
  EXPECT_EQ(r.all()[0].out, "");
}

TEST_P(pipelines, are_awaited_as_processes_are) {
  auto both = []() -> task<std::string> {
    pipeline kept = process("echo kept") | process("cat");
    pipeline_result first = co_await kept;
    pipeline_result second = co_await (process("echo dropped") | process("cat"));
    co_return first.last().out + second.last().out;
  };
  EXPECT_EQ(sync_wait(both()), "kept\ndropped\n");
}

TEST_P(pipelines, carry_every_byte) {
  result sum = sync_wait(process("/bin/sh", "-c", "head -c 20000000 /dev/zero | sha256sum").run());
  pipeline_result r = sync_wait((process("head -c 20000000 /dev/zero") | process("cat") |
                                 process("cat") | process("sha256sum"))
                                    .run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.last().out, sum.out);
}

TEST_P(pipelines, read_the_input_of_their_first_command) {
  auto r = sync_wait((process("cat").in(text("some text")) | process("tr a-z A-Z")).run());
  EXPECT_EQ(r.last().out, "SOME TEXT");
}

TEST_P(pipelines, forgive_a_writer_whose_reader_needs_no_more) {
  pipeline_result r = sync_wait((process("yes") | process("head -n 1")).run());
  EXPECT_EQ(r.all()[0].how(), end_reason::signaled);
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.last().out, "y\n");
}

TEST_P(pipelines, fail_with_any_of_their_commands) {
  pipeline_result first = sync_wait((process("sh -c 'echo x; exit 3'") | process("cat")).run());
  EXPECT_FALSE(first.ok());
  EXPECT_EQ(first.first_failed(), &first.all()[0]);
  EXPECT_EQ(first.last().out, "x\n");
  EXPECT_THROW(first.check(), process_error);
  pipeline_result last = sync_wait((process("true") | process("sh -c 'kill -PIPE $$'")).run());
  EXPECT_FALSE(last.ok());
}

TEST_P(pipelines, end_when_one_of_them_cannot_be_started) {
  pipeline_result no_reader = sync_wait((process("yes") | process("/no/such/program")).run());
  EXPECT_EQ(no_reader.all()[0].status().signal(), SIGPIPE);
  EXPECT_EQ(no_reader.all()[1].how(), end_reason::spawn_failed);
  EXPECT_THAT(no_reader.describe(), HasSubstr("/no/such/program"));
  pipeline_result no_writer = sync_wait((process("/no/such/program") | process("cat")).run());
  EXPECT_EQ(no_writer.all()[0].how(), end_reason::spawn_failed);
  EXPECT_TRUE(no_writer.last().ok());
}

TEST_P(pipelines, are_stopped_as_one) {
  auto stopped = []() -> task<bool> {
    pipeline p = process("sleep 1000") | process("sleep 1000") | process("cat");
    auto end = co_await timeout(p.run(), 100ms);
    bool all_gone = !p[0].running() && !p[1].running() && !p[2].running();
    co_return !end && all_gone;
  };
  EXPECT_TRUE(sync_wait(stopped()));
}

TEST_P(pipelines, are_started_killed_and_waited_for) {
  auto killed = []() -> task<pipeline_result> {
    pipeline p = (process("sh -c 'echo up; exec sleep 1000'") | process("cat")).start();
    EXPECT_TRUE(p[1].running());
    auto up = co_await p[1].out().next_line();
    EXPECT_EQ(up, "up");
    p.kill();
    pipeline_result end = co_await p.wait();
    co_return end;
  };
  EXPECT_TRUE(sync_wait(killed()).all()[0].killed());
  pipeline lazy = process("true") | process("true");
  EXPECT_THROW((void)sync_wait(lazy.wait()), std::logic_error);
  EXPECT_THROW((void)lazy[2], std::out_of_range);
}

TEST_P(pipelines, of_which_one_is_never_started_close_its_end) {
  process writer_of("yes");
  {
    process reader_of("cat");
    reader_of.in(writer_of.out());
  }
  EXPECT_EQ(sync_wait(writer_of.run()).status().signal(), SIGPIPE);
  process reader_of("cat");
  {
    process silent("true");
    reader_of.in(silent.out());
  }
  EXPECT_TRUE(sync_wait(reader_of.timeout(30s).run()).ok());
}

TEST_P(pipelines, join_what_is_written_to_standard_error_as_well) {
  auto both = []() -> task<std::string> {
    process speaker("sh -c 'echo out; echo err >&2'");
    process listener("cat");
    listener.in(speaker.err());
    speaker.start();
    result heard = co_await listener.run();
    result said = co_await speaker.wait();
    co_return said.out + heard.out;
  };
  EXPECT_EQ(sync_wait(both()), "out\nerr\n");
}

TEST_P(pipelines, refuse_what_cannot_be_joined) {
  context here;
  process started = process("true").on(here).start();
  process other("cat");
  EXPECT_THROW(other.in(started.out()), std::logic_error);
  process elsewhere = process("true").out(null());
  EXPECT_THROW(other.in(elsewhere.out()), std::logic_error);
  EXPECT_THROW(other.in(other.out()), std::logic_error);
  process lazy("true");
  EXPECT_THROW(started.in(lazy.out()), std::logic_error);
  EXPECT_TRUE(sync_wait(here, started.wait()).ok());
}

}  // namespace
}  // namespace execo::test
