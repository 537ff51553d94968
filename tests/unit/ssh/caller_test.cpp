#include "ssh/caller.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

namespace execo::detail {
namespace {

/// Sets a variable for the length of a test.
class variable {
 public:
  variable(const char* name, const char* value) : name_(name) {
    if (const char* old = ::getenv(name)) before_ = old;
    set(value);
  }
  ~variable() { set(before_.empty() ? nullptr : before_.c_str()); }
  void set(const char* value) {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::string before_;
};

TEST(ssh_caller, keeps_the_environment_of_the_moment_when_it_was_asked) {
  variable home("HOME", "/home/first");
  variable terminal("TERM", "vt100");
  ssh_caller by = ssh_caller::now();
  home.set("/home/second");
  terminal.set("dumb");
  EXPECT_EQ(by.home(), "/home/first");
  EXPECT_EQ(by.expand_home("~/.ssh/key"), "/home/first/.ssh/key");
  EXPECT_EQ(by.expand_home("~"), "/home/first");
  EXPECT_EQ(by.expand_home("~other/key"), "~other/key");
  EXPECT_EQ(by.terminal(), "vt100");
}

TEST(ssh_caller, asks_the_user_database_where_the_environment_says_nothing) {
  variable home("HOME", nullptr);
  variable terminal("TERM", nullptr);
  ssh_caller by = ssh_caller::now();
  home.set("/not/asked/any/more");
  EXPECT_NE(by.home(), "/not/asked/any/more");
  EXPECT_TRUE(by.home().starts_with('/'));
  EXPECT_EQ(by.terminal(), "xterm");
  EXPECT_FALSE(by.user().empty());
}

}  // namespace
}  // namespace execo::detail
