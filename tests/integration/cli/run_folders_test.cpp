// `execo run --outdir --errdir`, and the options that say less: -N, -q, -S.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "temp_folder.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class execo_run_folders : public testing::Test {
 protected:
  /// On hosts that are processes here.
  outcome run(std::vector<std::string> more) const {
    std::vector<std::string> words{EXECO_TOOL, "run", "--connector", "exec:"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }
  std::vector<std::string> names_in(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& one : std::filesystem::directory_iterator(folder_ / name))
      names.push_back(one.path().filename());
    std::ranges::sort(names);
    return names;
  }

  temp_folder folder_;
};

TEST_F(execo_run_folders, get_a_file_of_each_host_for_each_stream) {
  outcome o = run({"-w", "n[1-3]", "--outdir", folder_ / "deep/out", "--errdir", folder_ / "err",
                   "printf '%h says\\r\\nthis'; test %n = 1 || echo bad >&2"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, IsEmpty());
  EXPECT_THAT(o.err, Not(HasSubstr("bad")));
  EXPECT_THAT(names_in("deep/out"), testing::ElementsAre("n1", "n2", "n3"));
  EXPECT_THAT(names_in("err"), testing::ElementsAre("n1", "n2", "n3"));
  EXPECT_EQ(folder_.read("deep/out/n2"), "n2 says\r\nthis");
  EXPECT_EQ(folder_.read("err/n2"), "");
  EXPECT_EQ(folder_.read("err/n3"), "bad\n");
}

TEST_F(execo_run_folders, leave_the_other_stream_where_it_was) {
  outcome o = run({"-w", "n1", "--outdir", folder_ / "out", "echo good; echo bad >&2"});
  EXPECT_THAT(o.out, IsEmpty());
  EXPECT_THAT(o.err, HasSubstr("n1: bad\n"));
  EXPECT_EQ(folder_.read("out/n1"), "good\n");
}

TEST_F(execo_run_folders, are_no_reason_to_show_less_when_a_layout_is_asked_for) {
  outcome gathered =
      run({"-b", "-w", "n[1-2]", "--outdir", folder_ / "out", "echo same; echo bad >&2"});
  EXPECT_EQ(gathered.out, "---------------\nn[1-2] (2)\n---------------\nsame\n");
  EXPECT_EQ(folder_.read("out/n2"), "same\n");
  outcome objects =
      run({"--format", "ndjson", "-w", "n1", "--errdir", folder_ / "err", "echo x >&2"});
  EXPECT_THAT(objects.out, HasSubstr("\"err\":\"x\\n\""));
  EXPECT_EQ(folder_.read("err/n1"), "x\n");
}

TEST_F(execo_run_folders, keep_what_came_of_a_host_that_fails) {
  outcome o = run({"-w", "n[1-3]", "-u", "300ms", "--outdir", folder_ / "out",
                   "echo begin; case %n in 0) exit 3;; 1) kill -9 $$;; *) exec sleep 60;; esac"});
  EXPECT_EQ(o.code, 4);
  EXPECT_THAT(names_in("out"), testing::ElementsAre("n1", "n2", "n3"));
  for (const char* name : {"out/n1", "out/n2", "out/n3"}) EXPECT_EQ(folder_.read(name), "begin\n");
}

TEST_F(execo_run_folders, have_names_that_stay_inside_and_differ) {
  outcome o = run({"-w", "n1,root@n1,n1:2222", "--outdir", folder_ / "out", "echo x"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(names_in("out"), testing::ElementsAre("n1", "n1:2222", "root@n1"));
}

TEST_F(execo_run_folders, leave_references_in_a_command_alone_if_these_are_to_stay) {
  outcome o = run({"-w", "n1", "--no-subst", "--outdir", folder_ / "out",
                   "echo '{{{host}}} {{{\\host}}} {{{index}}} {{.Names}}'"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(folder_.read("out/n1"), "{{{host}}} {{{\\host}}} {{{index}}} {{.Names}}\n");
}

TEST_F(execo_run_folders, that_cannot_be_used_are_refused_before_anything_runs) {
  folder_.write("file", "");
  outcome o = run({"-w", "n1", "--outdir", folder_ / "file/out", "echo ran"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "execo: --outdir '" + (folder_ / "file/out") +
                       "': no files can be made there: Not a directory\n");
  o = run({"-w", "n1", "--outdir", folder_ / "one", "--errdir", folder_ / "./one", "echo ran"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("--outdir and --errdir are the same directory"));
  o = run({"-w", "n1", "--outdir", "logs/{{{host}}}", "echo ran"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("one directory for all hosts"));
}

TEST_F(execo_run_folders, that_are_full_end_the_host_and_name_the_file) {
  std::filesystem::create_directories(folder_ / "out");
  for (const char* name : {"out/n1", "out/n2"})
    std::filesystem::create_symlink("/dev/full", folder_ / name);
  fleet_fixture fleet("127.6.1.1");
  std::filesystem::create_symlink("/dev/full", folder_ / "out/127.6.1.1");
  outcome o = run_program(
      execo_run(fleet, {"-w", "127.6.1.1", "--outdir", folder_ / "out", "echo much; sleep 60"}));
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err,
              AllOf(HasSubstr("127.6.1.1"), HasSubstr("write " + (folder_ / "out/127.6.1.1")),
                    HasSubstr("No space left on device")));
}

TEST_F(execo_run_folders, or_labels_are_not_needed_to_read_lines) {
  EXPECT_EQ(run({"-N", "-w", "n1", "echo one; echo two"}).out, "one\ntwo\n");
  EXPECT_EQ(run({"-bN", "-w", "n[1-3]", "echo same"}).out, "same\n");
  EXPECT_EQ(run({"-LN", "-w", "n[1-3]", "echo %n"}).out, "0\n1\n2\n");
}

TEST_F(execo_run_folders, or_messages_are_not_needed_when_the_status_tells) {
  outcome o = run({"-q", "--progress", "always", "-w", "n[1-3]", "echo out; exit %n"});
  EXPECT_EQ(o.code, 1);
  EXPECT_EQ(o.err, "");
  o = run({"-qS", "-w", "n[1-3]", "exit %n"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(run({"-S", "-w", "n[1-3]", "true"}).code, 0);
  EXPECT_EQ(run({"-S", "-w", "n[1-3]", "kill -9 $$"}).code, 137);
  EXPECT_EQ(run({"-S", "-u", "100ms", "-w", "n[1-2]", "exec sleep 60"}).code, 255);
}

TEST_F(execo_run_folders, and_copies_can_be_as_quiet) {
  fleet_fixture fleet("127.6.1.[1-2]");
  std::vector<std::string> words = execo_run(
      fleet, {"-q", "-w", "127.6.1.[1-2]", folder_.write("a", "text"), fleet.directory() + "/b"});
  words[1] = "put";
  outcome o = run_program(words);
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
}

}  // namespace
}  // namespace execo::test
