#include "ssh/caller.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "base/fd.hpp"

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
  EXPECT_EQ(by.path_of("~/.ssh/key"), "/home/first/.ssh/key");
  EXPECT_EQ(by.path_of("~"), "/home/first");
  EXPECT_TRUE(by.path_of("~other/key").ends_with("/~other/key")) << "a folder of that name";
  EXPECT_EQ(by.terminal(), "vt100");
}

TEST(ssh_caller, keeps_the_directory_of_that_moment_for_relative_paths) {
  const unique_fd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::chdir("/usr"), 0);
  ssh_caller by = ssh_caller::now();
  ASSERT_EQ(::chdir("/"), 0);
  EXPECT_EQ(by.path_of("keys/mine"), "/usr/keys/mine");
  EXPECT_EQ(by.path_of("/keys/mine"), "/keys/mine");
  EXPECT_EQ(by.path_of(""), "");
  by = ssh_caller::now();
  EXPECT_EQ(by.path_of("mine"), "/mine");
  ASSERT_EQ(::fchdir(here.get()), 0);
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
