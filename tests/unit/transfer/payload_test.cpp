// The bytes of a put: what tar reads from them, and that any part of them can be read at any time.
#include "transfer/payload.hpp"
#include "support/file_bytes.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "fleet_fixture.hpp"
#include "program.hpp"
#include "transfer/tar_reader.hpp"

namespace execo::detail {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// Longer than the field of a header, in parts that are not.
const std::string long_name = std::string(60, 'n') + "/" + std::string(60, 'm');

class payloads : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  void file(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }
  source_tree tree_of(std::vector<std::string> names) const {
    source_tree tree;
    copy_failure failed = read_source_tree(names, folder_.path(), tree);
    EXPECT_FALSE(failed) << failed.context;
    return tree;
  }
  static std::string all_of(payload& bytes) {
    std::string text(bytes.size(), '?');
    copy_failure failed = bytes.read(0, std::span<char>(text));
    EXPECT_FALSE(failed) << failed.context;
    return text;
  }
  void make_samples() const {
    file("in/a", "first\n");
    file("in/sub/empty", "");
    file("in/sub/" + long_name, std::string(1500, 'x'));
    file("in/block", std::string(512, 'b'));
    fs::create_directories(path("in/none"));
    fs::create_symlink("../a", path("in/sub/link"));
    fs::create_symlink(std::string(150, 't'), path("in/long link"));
  }

  test::scratch_directory folder_;
};

class collected final : public tar_receiver {
 public:
  copy_failure on_entry(const tar_entry& entry) override {
    text += std::to_string(static_cast<int>(entry.what)) + entry.name + ">" + entry.target + ":";
    return {};
  }
  copy_failure on_contents(std::span<const char> bytes) override {
    text.append(bytes.data(), bytes.size());
    return {};
  }
  copy_failure on_contents_end() override {
    text += ";";
    return {};
  }
  std::string text;
};

std::string read_in_parts(const std::string& archive, std::size_t each) {
  collected into;
  tar_reader reader(into);
  for (std::size_t at = 0; at < archive.size(); at += each) {
    std::string some = archive.substr(at, each);
    std::span<const char> bytes(some);
    copy_failure failed = reader.feed(bytes);
    EXPECT_FALSE(failed) << failed.context;
  }
  EXPECT_TRUE(reader.over());
  return into.text;
}

TEST_F(payloads, is_an_archive_that_tar_reads) {
  make_samples();
  source_tree tree = tree_of({"in"});
  payload bytes(tree, payload::form::archive, false);
  bytes.set_digest(std::string(64, 'd'));
  file("all.tar", all_of(bytes));
  fs::create_directories(path("out"));
  test::outcome end = test::run_program({"tar", "-xf", path("all.tar"), "-C", path("out")});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(end.err, "");
  test::outcome same =
      test::run_program({"diff", "-r", "--no-dereference", path("in"), path("out/data/in")});
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_TRUE(fs::is_directory(path("out/data/in/none")));
}

TEST_F(payloads, gives_the_same_bytes_in_parts_of_any_size) {
  make_samples();
  source_tree tree = tree_of({"in"});
  payload bytes(tree, payload::form::archive, true);
  bytes.set_digest(std::string(64, 'd'));
  const std::string whole = all_of(bytes);
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::uint64_t at = random() % whole.size();
    std::size_t count = 1 + random() % (whole.size() - at);
    std::string part(count, '?');
    ASSERT_FALSE(bytes.read(at, std::span<char>(part)));
    ASSERT_EQ(part, whole.substr(at, count)) << at << " " << count;
  }
}

// As a host without tar takes it.
TEST_F(payloads, says_in_an_index_where_the_contents_of_each_file_are) {
  make_samples();
  source_tree tree = tree_of({"in"});
  payload bytes(tree, payload::form::indexed_archive, false);
  bytes.set_digest(std::string(64, 'd'));
  const std::string whole = all_of(bytes);
  const std::uint64_t size = std::stoull(whole.substr(124, 11), nullptr, 8);
  const std::uint64_t start = tar_block + size + tar_padding(size);
  std::istringstream lines(whole.substr(tar_block, size));
  std::map<std::string, std::string> found;
  std::string kind;
  while (lines >> kind && kind != "e") {
    std::uint64_t block = 0;
    std::uint64_t count = 0;
    std::string mode;
    std::string time;
    std::string owner;
    std::string name;
    std::string target;
    lines >> block >> count >> mode >> time >> owner >> name >> target;
    if (kind == "f") found[name] = whole.substr(start + block * tar_block, count);
  }
  EXPECT_EQ(kind, "e");
  EXPECT_EQ(found["data\\0057in\\0057a"], "first\n");
  EXPECT_EQ(found["data\\0057in\\0057block"], std::string(512, 'b'));
  EXPECT_EQ(found["data\\0057in\\0057sub\\0057empty"], "");
  EXPECT_EQ(found["digest"], std::string(64, 'd') + "\n");
  for (std::size_t at : {0U, 511U, 512U, 1000U, 5000U}) {
    std::string part(700, '?');
    ASSERT_FALSE(bytes.read(at, std::span<char>(part)));
    EXPECT_EQ(part, whole.substr(at, part.size())) << at;
  }
}

TEST_F(payloads, has_no_more_than_what_is_to_be_sent) {
  make_samples();
  source_tree tree = tree_of({"in"});
  selection which(tree.entries.size(), entry_use::sent);
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (tree.entries[i].name == "in/a") which[i] = entry_use::kept;
    if (tree.entries[i].name == "in/block") which[i] = entry_use::left_out;
  }
  payload bytes(tree, payload::form::archive, false, which);
  bytes.set_digest(std::string(64, 'd'));
  const std::string text = read_in_parts(all_of(bytes), 512);
  EXPECT_THAT(text, Not(HasSubstr("data/in/a>")));
  EXPECT_THAT(text, Not(HasSubstr("data/in/block>")));
  EXPECT_THAT(text, HasSubstr("./in/a")) << "its digest is checked";
  EXPECT_THAT(text, Not(HasSubstr("./in/block")));
  EXPECT_THAT(text, HasSubstr("data/in/sub/empty>"));
}

TEST_F(payloads, notices_a_file_that_was_changed_since) {
  file("one", std::string(100, 'a'));
  source_tree tree = tree_of({"one"});
  payload bytes(tree, payload::form::file, false);
  file("one", std::string(200, 'b'));
  std::string text(100, '?');
  EXPECT_EQ(bytes.read(0, std::span<char>(text)).reason, failure_reason::source_changed);
}

TEST_F(payloads, come_back_from_the_reader_of_archives_however_they_are_cut) {
  make_samples();
  source_tree tree = tree_of({"in"});
  payload bytes(tree, payload::form::archive, true);
  bytes.set_digest(std::string(64, 'd'));
  const std::string archive = all_of(bytes);
  const std::string whole = read_in_parts(archive, archive.size());
  EXPECT_THAT(whole, HasSubstr("data/in/a>:first\n;"));
  EXPECT_THAT(whole, HasSubstr("data/in/sub/" + long_name + ">:" + std::string(1500, 'x')));
  EXPECT_THAT(whole, HasSubstr("2data/in/long link>" + std::string(150, 't') + ":"));
  for (std::size_t each : {1U, 7U, 511U, 512U, 513U, 4096U})
    EXPECT_EQ(read_in_parts(archive, each), whole) << each;
}

TEST_F(payloads, of_other_tars_are_read_as_well) {
  make_samples();
  for (const char* format : {"gnu", "ustar", "pax", "oldgnu"}) {
    // ustar has no room for the long link.
    if (std::string(format) == "ustar") fs::remove(path("in/long link"));
    if (std::string(format) != "ustar" && !fs::is_symlink(path("in/long link")))
      fs::create_symlink(std::string(150, 't'), path("in/long link"));
    test::outcome made = test::run_program({"tar", std::string("--format=") + format, "-cf",
                                            path("t.tar"), "-C", folder_.path(), "in"});
    ASSERT_EQ(made.code, 0) << made.err;
    std::string archive = test::file_bytes(path("t.tar"));
    std::string text = read_in_parts(archive, 333);
    EXPECT_THAT(text, HasSubstr("0in/a>:first\n;")) << format;
    EXPECT_THAT(text, HasSubstr("0in/sub/" + long_name + ">:" + std::string(1500, 'x'))) << format;
  }
}

}  // namespace
}  // namespace execo::detail
