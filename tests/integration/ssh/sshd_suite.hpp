// One sshd for all tests of a suite, which are skipped where there is none, and logins to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "recorded_run.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {

/// `Suite`: the fixture that this is a base of.
template <class Suite, class Base = ::testing::Test>
class sshd_suite : public Base {
 protected:
  static void SetUpTestSuite() {
    if (sshd_fixture::available()) server_ = std::make_unique<sshd_fixture>();
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    if (!server_) GTEST_SKIP() << "no sshd";
    options = options_for(*server_);
  }

  /// "in", or why not.
  std::string login_error(const std::shared_ptr<detail::ssh_environment>& by) {
    recorded_run r(loop, by, "127.1.0.1", "true");
    r.run();
    return r.exited ? "in" : std::string(to_string(r.how)) + ": " + r.context;
  }
  std::string login_error() { return login_error(detail::make_ssh_environment(loop, options)); }

  static inline std::unique_ptr<sshd_fixture> server_;
  driven_loop loop;
  ssh_options options;
};

}  // namespace execo::test
