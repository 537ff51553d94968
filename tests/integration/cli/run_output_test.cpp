// What `execo run` shows: the layouts, and bytes that arrive as they were sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<nlohmann::json> objects_of(const std::string& text) {
  std::vector<nlohmann::json> objects;
  for (const std::string& line : lines_of(text)) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned held = 0;
  int bits = 0;
  for (char c : text) {
    if (c == '=') break;
    held = held << 6 | static_cast<unsigned>(digits.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 0xff);
  }
  return bytes;
}

TEST(execo_run, lines_carry_their_host_and_keep_their_stream) {
  fleet_fixture fleet("127.3.0.[1-3]");
  outcome o = run_program(
      execo_run(fleet, {"-w", "127.3.0.[1-3]", "echo out $FLEET_HOST; echo err >&2; printf end"}));
  EXPECT_EQ(o.code, 0);
  auto lines = lines_of(o.out);
  EXPECT_THAT(lines,
              testing::UnorderedElementsAre("127.3.0.1: out 127.3.0.1", "127.3.0.2: out 127.3.0.2",
                                            "127.3.0.3: out 127.3.0.3", "127.3.0.1: end",
                                            "127.3.0.2: end", "127.3.0.3: end"));
  EXPECT_THAT(o.err, AllOf(HasSubstr("127.3.0.2: err\n"),
                           HasSubstr("execo: 3 hosts: 3 ok, 0 failed; "), EndsWith(" hosts/s\n")));
}

TEST(execo_run, b_gathers_identical_output_under_folded_sets) {
  fleet_fixture fleet("127.3.[0-1].[1-100]", {"--fault", "127.3.0.[7-9]:exit-4"});
  outcome o =
      run_program(execo_run(fleet, {"-b", "-w", "127.3.[0-1].[1-100]", "--", "uname", "-s"}));
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, StartsWith("---------------\n127.3.1.[1-100],127.3.0.[1-6,10-100] (197)\n"
                                "---------------\nLinux\n"));
  EXPECT_THAT(o.out,
              EndsWith("---------------\n127.3.0.[7-9] (3): exited 4\n---------------\nLinux\n"));
  EXPECT_THAT(o.err, HasSubstr("execo: 3 hosts (127.3.0.[7-9]): exited 4\n"
                               "execo: 200 hosts: 197 ok, 3 failed (3 exited); "));
}

TEST(execo_run, capital_l_keeps_the_order_of_the_list) {
  fleet_fixture fleet("127.3.0.[1-9]");
  outcome o = run_program(execo_run(fleet, {"-L", "-w", "127.3.0.[5-6]", "-w", "127.3.0.[1-2]",
                                            "sleep 0.${FLEET_HOST##*.}; echo a; echo b"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.out,
            "127.3.0.5: a\n127.3.0.5: b\n127.3.0.6: a\n127.3.0.6: b\n"
            "127.3.0.1: a\n127.3.0.1: b\n127.3.0.2: a\n127.3.0.2: b\n");
}

TEST(execo_run, ndjson_has_an_object_of_the_same_keys_for_each_host) {
  fleet_fixture fleet("127.3.0.[1-4]", {"--fault", "127.3.0.2:reject-auth", "--fault",
                                        "127.3.0.3:signal-KILL", "--fault", "127.3.0.4:exit-9"});
  outcome o = run_program(
      execo_run(fleet, {"--format", "ndjson", "-w", "127.3.0.[1-4]", "echo x; echo y >&2"}));
  EXPECT_EQ(o.code, 3);
  std::map<std::string, nlohmann::json> by_host;
  for (nlohmann::json& object : objects_of(o.out)) {
    EXPECT_EQ(object.size(), 21u) << object;
    for (const char* key : {"host",
                            "index",
                            "end",
                            "phase",
                            "code",
                            "signal",
                            "error",
                            "reason",
                            "out",
                            "err",
                            "out_bytes",
                            "may_still_run",
                            "may_still_run_why",
                            "err_bytes",
                            "out_dropped",
                            "err_dropped",
                            "dropped_by",
                            "output_complete",
                            "started",
                            "elapsed",
                            "transport"})
      EXPECT_TRUE(object.contains(key)) << key;
    EXPECT_TRUE(object["elapsed"].is_number());
    by_host[object["host"]] = object;
  }
  ASSERT_EQ(by_host.size(), 4u);
  EXPECT_EQ(by_host["127.3.0.1"]["end"], "exited");
  EXPECT_EQ(by_host["127.3.0.1"]["code"], 0);
  EXPECT_EQ(by_host["127.3.0.1"]["phase"], "run");
  EXPECT_EQ(by_host["127.3.0.1"]["out"], "x\n");
  EXPECT_EQ(by_host["127.3.0.1"]["err"], "y\n");
  EXPECT_EQ(by_host["127.3.0.2"]["end"], "auth_failed");
  EXPECT_EQ(by_host["127.3.0.2"]["phase"], "auth");
  EXPECT_TRUE(by_host["127.3.0.2"]["error"].is_string());
  EXPECT_EQ(by_host["127.3.0.3"]["end"], "signaled");
  EXPECT_EQ(by_host["127.3.0.3"]["signal"], "KILL");
  EXPECT_TRUE(by_host["127.3.0.3"]["code"].is_null());
  EXPECT_EQ(by_host["127.3.0.4"]["code"], 9);
  EXPECT_EQ(by_host["127.3.0.4"]["index"], 3);
  EXPECT_THAT(o.err, AllOf(StartsWith("execo: 4 hosts: 1 ok, 3 failed"), Not(HasSubstr("127.3"))));
}

TEST(execo_run, random_bytes_come_back_exact_from_many_hosts_at_once) {
  fleet_fixture fleet("127.3.0.[1-20]");
  outcome o = run_program(
      execo_run(fleet, {"--format", "ndjson", "--max-output", "2M", "-w", "127.3.0.[1-20]",
                        "head -c 1000000 /dev/urandom | tee /dev/stderr"}));
  EXPECT_EQ(o.code, 0);
  auto objects = objects_of(o.out);
  ASSERT_EQ(objects.size(), 20u);
  for (nlohmann::json& object : objects) {
    ASSERT_EQ(object["out_encoding"], "base64");
    std::string bytes = from_base64(object["out"]);
    EXPECT_EQ(bytes.size(), 1'000'000u);
    EXPECT_TRUE(bytes == from_base64(object["err"])) << object["host"];
  }
}

TEST(execo_run, a_long_line_is_never_broken_or_mixed) {
  fleet_fixture fleet("127.3.0.[1-8]");
  outcome o = run_program(execo_run(
      fleet, {"-w", "127.3.0.[1-8]", "head -c 421083 /dev/zero | tr '\\0' x; echo; echo next"}));
  EXPECT_EQ(o.code, 0);
  auto lines = lines_of(o.out);
  ASSERT_EQ(lines.size(), 16u);
  std::string x(421083, 'x');
  EXPECT_EQ(
      std::ranges::count_if(lines, [&](const std::string& l) { return l.ends_with(": " + x); }), 8);
}

TEST(execo_run, max_output_counts_what_it_leaves_out) {
  fleet_fixture fleet("127.3.0.[1-2]");
  outcome o = run_program(
      execo_run(fleet, {"-b", "--max-output", "5", "-w", "127.3.0.[1-2]", "echo 1234567"}));
  EXPECT_THAT(o.out, EndsWith("---------------\n12345\n"));
  EXPECT_THAT(o.err, HasSubstr("execo: 2 hosts (127.3.0.[1-2]): 6 bytes of stdout left out"));
}

TEST(execo_run, output_budget_is_for_all_hosts_and_keeps_a_little_of_each) {
  fleet_fixture fleet("127.3.0.[1-2]");
  outcome o = run_program(execo_run(
      fleet, {"-b", "--output-budget", "0", "-w", "127.3.0.[1-2]", "yes | head -c 5000"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("execo: 2 hosts (127.3.0.[1-2]): 1808 bytes of stdout left out; "
                               "--output-budget SIZE keeps more"));
  o = run_program(execo_run(fleet, {"--format", "ndjson", "--output-budget", "0", "-w", "127.3.0.1",
                                    "yes | head -c 5000"}));
  auto objects = objects_of(o.out);
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0]["out_dropped"], 904);
  EXPECT_EQ(objects[0]["dropped_by"], "context");
  EXPECT_EQ(objects[0]["output_complete"], false);
}

TEST(execo_run, argv_keeps_words_and_text_is_for_the_remote_shell) {
  fleet_fixture fleet("127.3.0.1");
  outcome o =
      run_program(execo_run(fleet, {"-w", "127.3.0.1", "--", "echo", "a  b", "$FLEET_HOST"}));
  EXPECT_EQ(o.out, "127.3.0.1: a b 127.3.0.1\n");
  o = run_program(
      execo_run(fleet, {"-w", "127.3.0.1", "--argv", "--", "echo", "a  b", "$FLEET_HOST", "it's"}));
  EXPECT_EQ(o.out, "127.3.0.1: a  b $FLEET_HOST it's\n");
}

TEST(execo_run, standard_input_is_left_to_others) {
  fleet_fixture fleet("127.3.0.1");
  outcome o = run_program(
      {"sh", "-c", in_shell(execo_run(fleet, {"-w", "127.3.0.1", "cat; echo done"})) + "; cat"},
      "left\n");
  EXPECT_EQ(o.out, "127.3.0.1: done\nleft\n");
}

TEST(execo_run, progress_is_for_terminals_or_on_demand) {
  fleet_fixture fleet("127.3.0.[1-2]", {"--exec", "canned", "--latency", "700ms"});
  outcome o = run_program(execo_run(fleet, {"-w", "127.3.0.[1-2]", "true"}));
  EXPECT_THAT(o.err, StartsWith("execo: 2 hosts: 2 ok"));
  o = run_program(execo_run(fleet, {"--progress", "always", "-w", "127.3.0.[1-2]", "true"}));
  EXPECT_THAT(o.err, AllOf(HasSubstr("\rexeco: 0/2 done, 0 ok, 0 failed, 2 running"),
                           HasSubstr("\r\x1b[Kexeco: 2 hosts: 2 ok")));
}

TEST(execo_run, a_hosts_file_and_x_make_the_list) {
  fleet_fixture fleet("127.3.0.[1-9]");
  outcome o =
      run_program({"sh", "-c",
                   "printf '# ours\\n127.3.0.[1-3] # three\\n\\n127.3.0.5\\n' > " +
                       fleet.directory() + "/hosts; exec " +
                       in_shell(execo_run(fleet, {"--hosts-file", fleet.directory() + "/hosts",
                                                  "-x", "127.3.0.[2,9]", "-L", "echo x"}))});
  EXPECT_EQ(o.out, "127.3.0.1: x\n127.3.0.3: x\n127.3.0.5: x\n");
}

TEST(execo_run, silence_is_not_gathered) {
  fleet_fixture fleet("127.3.0.[1-2]");
  outcome o = run_program(execo_run(fleet, {"-b", "-w", "127.3.0.[1-2]", "true"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, IsEmpty());
}

TEST(execo_run, a_slow_host_gives_all_its_lines) {
  fleet_fixture fleet("127.3.0.1", {"--fault", "127.3.0.1:slow-output=300ms"});
  outcome o = run_program(execo_run(fleet, {"-w", "127.3.0.1", "seq 5"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.out, "127.3.0.1: 1\n127.3.0.1: 2\n127.3.0.1: 3\n127.3.0.1: 4\n127.3.0.1: 5\n");
  EXPECT_THAT(o.err, Not(HasSubstr("output did not")));
}

TEST(execo_run, output_that_something_left_behind_keeps_open_is_told_to_be_cut) {
  fleet_fixture fleet("127.3.0.1");
  outcome o = run_program(execo_run(fleet, {"-w", "127.3.0.1", "echo hi; sleep 20 &"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.out, "127.3.0.1: hi\n");
  EXPECT_THAT(o.err, HasSubstr("127.3.0.1: the command ended, but its output did not"));
}

}  // namespace
}  // namespace execo::test
