#include "execo/host_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "program.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* ed_a = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr const char* ed_c = "AAAAC3NzaC1lZDI1NTE5AAAAICCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC";
constexpr const char* ed_d = "AAAAC3NzaC1lZDI1NTE5AAAAIDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD";
constexpr const char* rsa = "AAAAB3NzaC1yc2EAAAADAQABAAAAAA==";

std::string line(std::string begin, const char* key) { return std::move(begin) + key + "\n"; }

class known_file : public testing::Test {
 protected:
  known_file() {
    char name[] = "/tmp/execo-known-XXXXXX";
    folder_ = ::mkdtemp(name);
    path = folder_ + "/known";
  }
  ~known_file() override {
    (void)::unlink(path.c_str());
    (void)::rmdir(folder_.c_str());
  }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  std::string read() const { return file_bytes(path); }
  static host_key key(const char* name, const char* type, const char* base64) {
    host_key k;
    k.name = name;
    k.type = type;
    k.base64 = base64;
    return k;
  }
  std::vector<key_record> add(const std::vector<host_key>& keys) const {
    return known_hosts_file(path).add(keys);
  }

  std::string folder_;
  std::string path;
};

TEST_F(known_file, gets_all_keys_of_a_host_that_it_does_not_know) {
  EXPECT_THAT(add({key("[n1]:2222", "ssh-ed25519", ed_a), key("[n1]:2222", "ssh-rsa", rsa)}),
              ElementsAre(key_record::added, key_record::added));
  EXPECT_EQ(read(), line("[n1]:2222 ssh-ed25519 ", ed_a) + line("[n1]:2222 ssh-rsa ", rsa));
}

TEST_F(known_file, keeps_what_it_knows) {
  std::string before = line("n1 ssh-ed25519 ", ed_a) + line("@revoked n2 ssh-ed25519 ", ed_c);
  write(before);
  EXPECT_THAT(add({key("n1", "ssh-ed25519", ed_a), key("n1", "ssh-rsa", rsa)}),
              ElementsAre(key_record::known, key_record::other_type));
  EXPECT_THAT(add({key("n1", "ssh-ed25519", ed_d)}), ElementsAre(key_record::different));
  EXPECT_THAT(add({key("n2", "ssh-ed25519", ed_c)}), ElementsAre(key_record::revoked));
  EXPECT_EQ(read(), before);
}

TEST_F(known_file, that_cannot_be_written_is_named) {
  path = "/proc/known";
  try {
    (void)add({key("n1", "ssh-ed25519", ed_a)});
    ADD_FAILURE() << "it was written";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/proc/known"));
  }
}

TEST_F(known_file, takes_no_name_that_would_be_more_than_one_line) {
  EXPECT_THROW((void)add({key("n1\nn2", "ssh-ed25519", ed_a)}), std::system_error);
  EXPECT_THROW((void)add({key("*", "ssh-ed25519", ed_a)}), std::system_error);
  EXPECT_EQ(read(), "");
}

TEST(host_keys, of_a_result_are_its_lines) {
  result r;
  r.out = "n1 ssh-ed25519 AAAA\n[n1]:22 ssh-rsa BBBB\nshort\n";
  std::vector<host_key> keys = host_keys_of(r);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[1].name, "[n1]:22");
  EXPECT_EQ(keys[1].line(), "[n1]:22 ssh-rsa BBBB");
}

TEST(key_scan, knows_three_types) {
  EXPECT_THROW((void)key_scan("n1").types({"dsa"}), std::invalid_argument);
  EXPECT_THROW((void)key_scan("n1").types({}), std::invalid_argument);
  EXPECT_NO_THROW((void)key_scan("n1").types({"rsa"}));
  ssh_options other;
  other.connector = "rsh %h";
  EXPECT_THROW((void)key_scan("n1").ssh(other), std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
