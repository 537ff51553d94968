#include "ssh/host_key_store.hpp"
#include "support/file_bytes.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace execo::detail {
namespace {

using ::testing::HasSubstr;

class host_key_store_file : public ::testing::Test {
 protected:
  host_key_store_file() {
    std::string pattern = (std::filesystem::temp_directory_path() / "execo-keys-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    file = directory + "/known_hosts";
    key.type = "ssh-ed25519";
    key.base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIGJuqyGsDPK7NiAaFG927vsg1aZA+hYT5IPDzJaW0XvH";
  }
  ~host_key_store_file() override { std::filesystem::remove_all(directory); }

  std::string text() const { return test::file_bytes(file); }

  std::string directory;
  std::string file;
  shown_key key;
  failure why;
};

TEST_F(host_key_store_file, prints_fingerprints_as_ssh_keygen_does) {
  EXPECT_EQ(key.fingerprint(), "SHA256:82ktlbBS27GjlJw801i0GUU0McJAlwKSCmRgolMzwnI");
}

TEST_F(host_key_store_file, accept_new_adds_whole_lines_after_one_without_its_end) {
  std::ofstream(file) << "# no end";
  host_key_store store(host_keys::accept_new, file);
  EXPECT_TRUE(store.accept("alpha", 22, key, why));
  EXPECT_TRUE(store.accept("alpha", 22, key, why));
  EXPECT_TRUE(store.accept("::1", 2200, key, why));
  EXPECT_EQ(text(), "# no end\nalpha ssh-ed25519 " + key.base64 + "\n[::1]:2200 ssh-ed25519 " +
                        key.base64 + "\n");
}

TEST_F(host_key_store_file, records_no_name_that_would_say_more_than_a_name) {
  host_key_store store(host_keys::accept_new, file);
  using namespace std::string_view_literals;
  for (std::string_view name : {"a b"sv, "a\nb ssh-ed25519 AAAA"sv, "127.0.0.1\0,*"sv, "a,b"sv,
                                "*"sv, "a?"sv, "!a"sv, "|1|a"sv, "#a"sv, "@revoked"sv, "[a]:22"sv,
                                "a\tb"sv, "a\rb"sv, "\x7f"sv, "\xc2\x9b"sv, ""sv}) {
    for (int port : {22, 2200}) EXPECT_FALSE(store.accept(name, port, key, why)) << name;
    EXPECT_EQ(why.how, end_reason::host_key_rejected);
    EXPECT_THAT(why.context, HasSubstr("cannot be written in " + file));
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(store.accept("fe80::1%eth0", 22, key, why));
  EXPECT_EQ(text(), "fe80::1%eth0 ssh-ed25519 " + key.base64 + "\n");
}

TEST_F(host_key_store_file, ignore_reads_and_writes_nothing) {
  host_key_store store(host_keys::ignore, directory);
  EXPECT_FALSE(store.checks());
  EXPECT_TRUE(store.accept("alpha", 22, key, why));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(host_key_store_file, says_when_a_new_key_cannot_be_recorded) {
  host_key_store store(host_keys::accept_new, "/proc/none/known_hosts");
  EXPECT_FALSE(store.accept("alpha", 22, key, why));
  EXPECT_EQ(why.how, end_reason::host_key_rejected);
  EXPECT_EQ(why.why, std::errc::no_such_file_or_directory);
  EXPECT_THAT(why.context, HasSubstr("could not be recorded in /proc/none/known_hosts"));
}

TEST_F(host_key_store_file, prefers_the_algorithms_of_keys_it_has) {
  std::ofstream(file) << "alpha ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAA==\nbeta ssh-ed25519 "
                      << key.base64 << "\n";
  host_key_store store(host_keys::strict, file);
  EXPECT_EQ(store.preferred_algorithms("beta", 22), "");
  EXPECT_EQ(store.preferred_algorithms("gamma", 22), "");
  EXPECT_THAT(store.preferred_algorithms("alpha", 22),
              ::testing::StartsWith("rsa-sha2-512,rsa-sha2-256,ssh-ed25519,"));
}

TEST_F(host_key_store_file, keys_of_another_type_only_are_not_replaced) {
  std::ofstream(file) << "alpha ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAA==\n";
  host_key_store store(host_keys::accept_new, file);
  EXPECT_FALSE(store.accept("alpha", 22, key, why));
  EXPECT_THAT(why.context, HasSubstr("another type"));
}

}  // namespace
}  // namespace execo::detail
