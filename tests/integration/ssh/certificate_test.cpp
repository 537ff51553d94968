// Logins with user certificates, at an OpenSSH server that trusts a certificate authority.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "recorded_run.hpp"
#include "ssh/environment.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;

class ssh_certificate : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!sshd_fixture::available()) return;
    std::string pattern = (std::filesystem::temp_directory_path() / "execo-cert-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    make_key(folder_ + "/ca", "ed25519");
    server_ = std::make_unique<sshd_fixture>("TrustedUserCAKeys " + folder_ + "/ca.pub\n");
  }
  static void TearDownTestSuite() {
    server_.reset();
    std::error_code gone;
    std::filesystem::remove_all(folder_, gone);
  }
  void SetUp() override {
    if (!server_) GTEST_SKIP() << "no sshd";
    options = options_for(*server_);
    key = folder_ + "/" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }

  static void make_key(const std::string& file, const std::string& type) {
    ASSERT_EQ(
        ::system(("ssh-keygen -q -t " + type + " -N '' -C '' -f " + file + " >/dev/null").c_str()),
        0);
  }
  /// FILE-cert.pub beside it.
  static void certify(const std::string& file, const std::string& more) {
    ASSERT_EQ(
        ::system(
            ("ssh-keygen -q -s " + folder_ + "/ca -I id " + more + " " + file + ".pub").c_str()),
        0);
  }

  static std::string folder_;
  static std::unique_ptr<sshd_fixture> server_;
  driven_loop loop;
  ssh_options options;
  std::string key;
};
std::string ssh_certificate::folder_;
std::unique_ptr<sshd_fixture> ssh_certificate::server_;

TEST_F(ssh_certificate, beside_a_key_of_each_type_is_found_and_logs_in) {
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    std::string file = key + type;
    make_key(file, type);
    certify(file, "-n " + server_->user());
    options.identities = {file};
    auto shared = detail::make_ssh_environment(loop, options);
    EXPECT_EQ(shared->offers.plan().names(), file + "-cert.pub, " + file);
    recorded_run r(loop, shared, "127.1.0.1", "true");
    EXPECT_TRUE(r.run().exited) << type << ": " << r.context;
  }
  EXPECT_THAT(server_->log(), HasSubstr("ED25519-CERT"));
  EXPECT_THAT(server_->log(), HasSubstr("RSA-CERT"));
}

TEST_F(ssh_certificate, that_is_named_is_used_with_its_key) {
  make_key(key, "ed25519");
  certify(key, "-n " + server_->user());
  std::string elsewhere = key + ".elsewhere";
  std::filesystem::rename(key + "-cert.pub", elsewhere);
  options.identities = {key};
  options.certificates = {elsewhere};
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_EQ(shared->offers.plan().names(), elsewhere + ", " + key);
  recorded_run r(loop, shared, "127.1.0.1", "true");
  EXPECT_TRUE(r.run().exited) << r.context;
  EXPECT_EQ(favourite_of(*shared), 0U);
}

TEST_F(ssh_certificate, that_has_expired_or_is_for_others_gives_way_to_the_plain_key) {
  for (const char* flaw : {"-V -2h:-1h -n ", "-n not-", "-V +1h:+2h -n "}) {
    std::filesystem::copy_file(server_->identity(), key,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(server_->identity() + ".pub", key + ".pub",
                               std::filesystem::copy_options::overwrite_existing);
    certify(key, flaw + server_->user());
    options.identities = {key};
    auto shared = detail::make_ssh_environment(loop, options);
    ASSERT_EQ(shared->offers.plan().offers.size(), 2U);
    recorded_run r(loop, shared, "127.1.0.1", "true");
    EXPECT_TRUE(r.run().exited) << flaw << r.context;
    EXPECT_EQ(favourite_of(*shared), 1U);
  }
  EXPECT_THAT(server_->log(), HasSubstr("Certificate invalid: expired"));
}

TEST_F(ssh_certificate, that_is_refused_with_its_key_is_named_in_the_end) {
  make_key(key, "ed25519");
  certify(key, "-n somebody-else");
  options.identities = {key};
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::auth_failed);
  EXPECT_EQ(r.context, server_->user() + "@127.1.0.1: the server refused the identities " + key +
                           "-cert.pub, " + key);
}

TEST_F(ssh_certificate, of_another_key_is_left_out_and_said_so) {
  make_key(key, "ed25519");
  certify(key, "-n " + server_->user());
  std::string copy = key + ".copy";
  std::filesystem::copy_file(server_->identity(), copy);
  ASSERT_EQ(::chmod(copy.c_str(), 0600), 0);
  std::filesystem::copy_file(key + "-cert.pub", copy + "-cert.pub");
  options.identities = {copy};
  options.certificates = {key + "-cert.pub"};
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_EQ(shared->offers.plan().names(), copy + " (left out: " + copy +
                                               "-cert.pub: is for another key, " + key +
                                               "-cert.pub: is for none of the keys)");
}

TEST_F(ssh_certificate, that_is_renewed_is_read_again) {
  make_key(key, "ed25519");
  options.identities = {key};
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_TRUE(shared->identities.is_current());
  certify(key, "-n " + server_->user());
  EXPECT_FALSE(shared->identities.is_current());
}

TEST_F(ssh_certificate, file_that_is_none_is_refused_by_name) {
  auto refusal = [&]() -> std::string {
    try {
      (void)detail::make_ssh_environment(loop, options);
      return "accepted";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  };
  options.certificates = {"/does/not/exist"};
  EXPECT_EQ(refusal(), "certificate file /does/not/exist: No such file or directory");
  options.certificates = {server_->identity() + ".pub"};
  EXPECT_EQ(refusal(), "certificate file " + options.certificates[0] + " is not a certificate");
  options.certificates = {server_->identity()};
  EXPECT_EQ(refusal(), "certificate file " + options.certificates[0] + " is not a certificate");
}

}  // namespace
}  // namespace execo::test
