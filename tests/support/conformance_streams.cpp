// Points of the conformance suite: output, input and terminals.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "conformance.hpp"
#include "execo/stdio.hpp"
#include "execo/sync_wait.hpp"
#include "file_bytes.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using host_at = const host_under_test&;

// 100 MB on OpenSSH, where EXECO_LONG is set; the servers in Python take minutes for that.
std::size_t much(host_at at) {
  bool large = at.way().of == conformance_way::kind::transport;
  return static_cast<std::size_t>(long_count(large ? 100'000'000 : 10'000'000));
}

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

constexpr conformance_point outputs[] = {
    {"both streams, apart",
     [](host_at at) {
       host_result r = at.run("echo out; echo err >&2; echo more");
       EXPECT_EQ(r.out, "out\nmore\n");
       EXPECT_EQ(r.err, "err\n");
       EXPECT_TRUE(r.output_complete());
     }},
    {"no output",
     [](host_at at) {
       host_result r = at.run(":");
       EXPECT_EQ(r.out + r.err, "");
       EXPECT_TRUE(r.ok() && r.output_complete()) << r.describe();
     }},
    {"NUL and each other byte, on both streams",
     [](host_at at) {
       std::string text;
       for (int i = 0; i < 256; ++i) {
         static constexpr char digits[] = "01234567";
         text += {'\\', digits[i >> 6], digits[(i >> 3) & 7], digits[i & 7]};
       }
       host_result r = at.run("printf '" + text + "'; printf '" + text + "' >&2");
       EXPECT_EQ(r.out, all_bytes());
       EXPECT_EQ(r.err, all_bytes());
     }},
    {"unicode, and what is none",
     [](host_at at) {
       host_result r =
           at.run("printf '\\303\\251 \\342\\202\\254 \\360\\237\\232\\200 \\377\\376'");
       EXPECT_EQ(r.out, "\u00e9 \u20ac \U0001f680 \xff\xfe");
     }},
    {"the last output before the end",
     [](host_at at) {
       host_result r = at.run("head -c 200000 /dev/zero >&2; head -c 300000 /dev/zero; exit 7");
       EXPECT_EQ(r.status(), exit_status::of_code(7)) << r.describe();
       EXPECT_EQ(r.out.size(), 300'000U);
       EXPECT_EQ(r.err.size(), 200'000U);
     }},
    {"much output, each byte in its place",
     [](host_at at) {
       host_result r = at.run("seq 1 120000");
       std::string expected;
       for (int i = 1; i <= 120'000; ++i) expected += std::to_string(i) + "\n";
       EXPECT_TRUE(r.out == expected) << r.describe();
     }},
    {"100 MB of output",
     [](host_at at) {
       std::string count = std::to_string(much(at));
       host_result r = at.result_of(at.on("head -c " + count + " /dev/zero").max_output(0));
       EXPECT_EQ(r.out_bytes(), much(at)) << r.describe();
     }},
    {"lines come one by one, without their ends",
     [](host_at at) {
       std::vector<std::string> lines;
       remote action = at.on("printf 'a\\n\\nb\\r\\nno end'; printf 'e\\n' >&2");
       action.on_line([&](const output_line& line) {
         if (line.from == stream::out) lines.emplace_back(line.text);
       });
       (void)sync_wait(std::move(action));
       EXPECT_EQ(lines, (std::vector<std::string>{"a", "", "b", "no end"}));
     }},
    {"a line comes while the command runs",
     [](host_at at) {
       remote action = at.on("echo one; while [ ! -e " + at.scratch() +
                             "/go ]; do sleep 0.02; done; rm " + at.scratch() + "/go; echo two");
       action.on_line([&](const output_line& line) {
         if (line.text == "one") std::ofstream(at.scratch() + "/go") << "go";
       });
       action_result all = sync_wait(std::move(action));
       EXPECT_EQ(all.all()[0].out, "one\ntwo\n") << all.describe();
     }},
    {"a line of 1 MB",
     [](host_at at) {
       host_result r = at.run("head -c 1000000 /dev/zero | tr '\\0' x; echo");
       EXPECT_TRUE(r.out == std::string(1'000'000, 'x') + "\n") << r.describe();
     }},
    {"a cap of the output leaves the exit code",
     [](host_at at) {
       host_result r = at.result_of(at.on("seq 1000; exit 3").max_output(10));
       EXPECT_EQ(r.out, "1\n2\n3\n4\n5\n");
       EXPECT_EQ(r.out_dropped(), 3883U);
       EXPECT_FALSE(r.output_complete());
       EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
     }},
    {"a cap of head and tail",
     [](host_at at) {
       host_result r = at.result_of(at.on("seq 1000").out(capture(10, overflow::head_and_tail())));
       EXPECT_EQ(r.out, "1\n2\n3" + std::string("1000\n"));
     }},
    {"output that must be complete",
     [](host_at at) {
       host_result r = at.result_of(at.on("seq 1000").max_output(10).require_complete_output());
       EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
     }},
    {"output that goes to nowhere, and to a file",
     [](host_at at) {
       host_result r = at.result_of(
           at.on("echo out; echo err >&2").out(to_file(at.scratch() + "/out")).err(null()));
       EXPECT_TRUE(r.ok()) << r.describe();
       EXPECT_EQ(file_bytes(at.scratch() + "/out"), "out\n");
       EXPECT_EQ(r.err, "");
     }},
    {"standard error within standard output",
     [](host_at at) {
       host_result r = at.result_of(at.on("echo out; echo err >&2").err(merged()));
       EXPECT_THAT(r.out, testing::AnyOf("out\nerr\n", "err\nout\n"));
       EXPECT_EQ(r.err, "");
     }},
    {"output that looks like the words of ssh",
     [](host_at at) {
       host_result r =
           at.run("printf 'Connection to 127.1.0.1 closed by remote host.\\r\\n' >&2; exit 255");
       EXPECT_EQ(r.status(), exit_status::of_code(255)) << r.describe();
       EXPECT_EQ(r.err, "Connection to 127.1.0.1 closed by remote host.\r\n");
     }},
    {"output after standard input has ended",
     [](host_at at) {
       host_result r = at.result_of(at.on("cat >/dev/null; sleep 0.05; echo after").input("x"));
       EXPECT_EQ(r.out, "after\n") << r.describe();
     }},
};

constexpr conformance_point inputs[] = {
    {"none: the command reads its end", [](host_at at) { EXPECT_EQ(at.run("wc -c").out, "0\n"); }},
    {"empty", [](host_at at) { EXPECT_EQ(at.result_of(at.on("wc -c").input("")).out, "0\n"); }},
    {"one byte", [](host_at at) { EXPECT_EQ(at.result_of(at.on("cat").input("x")).out, "x"); }},
    {"NUL and each other byte",
     [](host_at at) { EXPECT_EQ(at.result_of(at.on("cat").input(all_bytes())).out, all_bytes()); }},
    {"1 MB there and back",
     [](host_at at) {
       std::string bytes = random_bytes(11).take(1'000'000);
       host_result r = at.result_of(at.on("cat").input(bytes));
       EXPECT_TRUE(r.out == bytes) << r.out.size() << r.describe();
     }},
    {"100 MB of input",
     [](host_at at) {
       host_result r = at.result_of(at.on("wc -c").input(std::string(much(at), 'x')));
       EXPECT_EQ(r.out, std::to_string(much(at)) + "\n") << r.describe();
     }},
    {"a reader that stops",
     [](host_at at) {
       host_result r =
           at.result_of(at.on("head -c 5; exec <&-; exit 3").input(std::string(3'000'000, 'x')));
       EXPECT_EQ(r.out, "xxxxx");
       EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
     }},
    {"a reader that never reads",
     [](host_at at) {
       host_result r = at.result_of(at.on("sleep 0.1; exit 3").input(std::string(3'000'000, 'x')));
       EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
     }},
    {"a reader that closes it at once",
     [](host_at at) {
       host_result r =
           at.result_of(at.on("exec <&-; sleep 0.05; exit 3").input(std::string(3'000'000, 'x')));
       EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
     }},
    {"a slow reader gets all of it",
     [](host_at at) {
       host_result r = at.result_of(at.on("sleep 0.2; wc -c").input(std::string(2'500'000, 'x')));
       EXPECT_EQ(r.out, "2500000\n") << r.describe();
     }},
    {"from a file",
     [](host_at at) {
       std::ofstream(at.scratch() + "/in") << "from a file";
       host_result r = at.result_of(at.on("cat").in(from_file(at.scratch() + "/in")));
       EXPECT_EQ(r.out, "from a file") << r.describe();
     }},
    {"of a child of the command",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on("read a; (read b; echo $b $a)").input("1\n2\n")).out, "2 1\n");
     }},
};

// Typed once the command is there: the terminal has a foreground group by then.
host_result ctrl_c(host_at at, const std::string& begin) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  remote action = at.on(begin + "while :; do sleep 0.02; done");
  action.pty(24, 80).in(from_fd(ends[0])).on_line([&](const output_line& line) {
    if (line.text == "ready") (void)!::write(ends[1], "\x03", 1);
  });
  action_result all = sync_wait(action.run());
  for (int fd : ends) ::close(fd);
  return all.all().at(0);
}

constexpr conformance_point terminals[] = {
    {"terminal: all three streams",
     [](host_at at) {
       host_result r = at.result_of(
           at.on("test -t 0 && test -t 1 && test -t 2 && echo out; echo err >&2; exit 5")
               .pty(33, 111));
       EXPECT_EQ(r.out, "out\r\nerr\r\n") << r.describe();
       EXPECT_EQ(r.err, "");
       EXPECT_EQ(r.status(), exit_status::of_code(5)) << r.describe();
     }},
    {"no terminal without pty()",
     [](host_at at) {
       EXPECT_EQ(at.run("test -t 0 || test -t 1 || test -t 2 || echo none").out, "none\n");
     }},
    {"terminal: its size",
     [](host_at at) {
       EXPECT_EQ(at.result_of(at.on("stty size").pty(33, 111)).out, "33 111\r\n");
     }},
    {"terminal: the variable TERM",
     [](host_at at) { EXPECT_NE(at.result_of(at.on("printf %s \"$TERM\"").pty(24, 80)).out, ""); }},
    {"terminal: the echo of the input",
     [](host_at at) {
       host_result r = at.result_of(at.on("read word; echo [$word]").pty(24, 80).input("abc\n"));
       EXPECT_THAT(r.out, HasSubstr("abc\r\n"));
       EXPECT_THAT(r.out, HasSubstr("[abc]\r\n"));
     }},
    {"terminal: the end of the input",
     [](host_at at) {
       host_result r = at.result_of(at.on("cat >/dev/null; echo end").pty(24, 80).input("abc\n"));
       EXPECT_THAT(r.out, HasSubstr("end\r\n")) << r.describe();
     }},
    {"terminal: the end without input",
     [](host_at at) {
       host_result r = at.result_of(at.on("cat; echo end").pty(24, 80));
       EXPECT_THAT(r.out, HasSubstr("end\r\n")) << r.describe();
     }},
    {"terminal: Ctrl-C is INT",
     [](host_at at) {
       host_result r = ctrl_c(at, "trap 'echo got; exit 7' INT; echo ready; ");
       EXPECT_EQ(r.status(), exit_status::of_code(7)) << r.describe();
       EXPECT_THAT(r.out, HasSubstr("got\r\n"));
     }},
    {"terminal: an end by a signal",
     [](host_at at) {
       host_result r = at.result_of(at.on("kill -TERM $$; sleep 9").pty(24, 80));
       EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
     }},
    {"terminal: a timeout leaves nothing",
     [](host_at at) {
       std::string text = at.endless() + " & exec " + at.endless();
       host_result r = at.result_of(at.on(text).pty(24, 80).timeout(150ms).kill_timeout(1s));
       EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
       at.leaves_nothing(r);
     }},
    {"terminal: much output",
     [](host_at at) {
       host_result r = at.result_of(at.on("seq 1 20000").pty(24, 80));
       EXPECT_EQ(r.out.size(), 128'894U) << r.describe();
     }},
};

}  // namespace

std::span<const conformance_point> points_of_output() { return outputs; }
std::span<const conformance_point> points_of_input() { return inputs; }
std::span<const conformance_point> points_of_terminals() { return terminals; }

}  // namespace execo::test
