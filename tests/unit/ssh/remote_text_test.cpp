// What a login shell of any kind makes of the text that a host is sent: sshd runs `SHELL -c TEXT`,
// and so do these tests.
#include "ssh/remote_text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "execo/process.hpp"
#include "execo/sync_wait.hpp"
#include "fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using detail::remote_text;

std::string text_of(const command& what) {
  std::string problem;
  std::optional<std::string> text = remote_text(what, problem);
  EXPECT_TRUE(text) << problem;
  return text.value_or("exit 99");
}

// Words of one byte each, and some of many.
std::vector<std::string> all_words(bool for_path) {
  std::vector<std::string> words;
  for (int byte = 1; byte < 256; ++byte) words.emplace_back(1, static_cast<char>(byte));
  std::mt19937_64 random(std::random_device{}());
  const std::string nasty = " \t\n\r'\"\\$`*?[]{}()<>|&;#~!=^%-@";
  for (int i = 0; i < 100; ++i) {
    std::string word(1 + random() % 24, '\0');
    for (char& c : word)
      c = static_cast<char>(random() % 2 == 0 ? nasty[random() % nasty.size()]
                                              : 1 + random() % 255);
    words.push_back(std::move(word));
  }
  for (const char* word : {"a\\';echo INJECTED;echo \\'b",
                           "foo\\",
                           "; echo INJECTED ; echo ",
                           "x\\",
                           "a\\\\b",
                           "%self",
                           "!!",
                           "!x",
                           "^a^b",
                           "=ls",
                           "~",
                           "~root",
                           "{a,b}",
                           "-n",
                           "--",
                           "$HOME",
                           "\\\n",
                           "\n\n",
                           "'\n'",
                           "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                           "\xef\x98\x80\xef\xb7\x90",
                           "\xed\xa0\x80",
                           "if",
                           "a=b",
                           "@",
                           "[",
                           "*"})
    words.emplace_back(word);
  if (for_path) {
    for (std::string& word : words) std::ranges::replace(word, '/', '_');
    std::erase(words, ".");
    std::erase(words, "..");
  } else {
    words.emplace_back();
  }
  return words;
}

class login_shell : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (::access(path().c_str(), X_OK) != 0) GTEST_SKIP() << path() << " is not there";
  }

  static std::string path() { return std::string("/usr/bin/") + GetParam(); }

  // As sshd runs it.
  result run(const command& what) const {
    process p(command(std::vector<std::string>{path(), "-c", text_of(what)}));
    p.env("SHELL", path()).env("HOME", directory_.path()).timeout(std::chrono::seconds(60));
    return sync_wait(std::move(p).run());
  }

  // csh closes every descriptor that it may have.
  lowered_limit descriptors_{RLIMIT_NOFILE, 256};
  scratch_directory directory_;
};

TEST_P(login_shell, hands_words_on_as_they_are) {
  const std::vector<std::string> all = all_words(false);
  for (std::size_t at = 0; at < all.size(); at += 40) {
    std::vector<std::string> words{"/usr/bin/printf", "%s\\001"};
    std::string expected;
    for (std::size_t i = at; i < std::min(at + 40, all.size()); ++i) {
      words.push_back(all[i]);
      expected += all[i] + '\x01';
    }
    result r = run(command(words));
    EXPECT_EQ(r.out, expected) << r.describe();
  }
}

TEST_P(login_shell, hands_a_script_to_sh_as_it_is) {
  command script("printf '%s\\001' 'a!b' \"it's\"\nprintf '%s\\001' \"back\\\\slash\"\n");
  script.through_shell = true;
  EXPECT_EQ(run(script).out,
            "a!b\x01it's\x01"
            "back\\slash\x01");
}

TEST_P(login_shell, takes_any_value_of_a_variable) {
  const std::vector<std::string> all = all_words(false);
  for (std::size_t at = 0; at < all.size(); at += 40) {
    std::vector<std::string> words{"/usr/bin/printenv", "-0"};
    std::string expected;
    command what(words);
    for (std::size_t i = at; i < std::min(at + 40, all.size()); ++i) {
      what.words.push_back("V" + std::to_string(i));
      what.set_variable(what.words.back(), all[i]);
      expected += all[i] + '\0';
    }
    result r = run(what);
    EXPECT_EQ(r.out, expected) << r.describe();
  }
}

TEST_P(login_shell, enters_a_directory_of_any_name) {
  const std::vector<std::string> all = all_words(true);
  for (std::size_t at = 0; at < all.size(); at += 40) {
    // One below the other.
    std::string path = directory_.path();
    for (std::size_t i = at; i < std::min(at + 40, all.size()); ++i) path += "/" + all[i];
    std::filesystem::create_directories(path);
    command what(std::vector<std::string>{"/bin/pwd"});
    what.directory = path;
    result r = run(what);
    EXPECT_EQ(r.out, path + "\n") << r.describe();
  }
}

TEST_P(login_shell, reads_text_itself_with_its_surroundings_set) {
  std::string shown =
      path().ends_with("fish") ? "printf '%s ' $V $W (pwd)" : "printf '%s ' $V $W `pwd`";
  command what(shown);
  what.set_variable("V", "it's!");
  what.set_variable("W", "\\");
  what.set_variable("SHELL", "/nonexistent");
  what.attributes.umask = 027;
  what.directory = directory_.path();
  result r = run(what);
  EXPECT_EQ(r.out, "it's! \\ " + directory_.path() + " ") << r.describe() << r.err;
}

TEST_P(login_shell, that_cannot_enter_the_directory_runs_nothing) {
  command what("echo ran");
  what.directory = directory_.path() + "/none";
  result r = run(what);
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.status().code(), 1) << r.describe();
}

INSTANTIATE_TEST_SUITE_P(each, login_shell,
                         testing::Values("sh", "bash", "dash", "ksh", "csh", "tcsh", "fish", "zsh"),
                         [](const auto& shell) { return std::string(shell.param); });

TEST(remote_text, leaves_text_alone_as_it_is) {
  EXPECT_EQ(text_of(command("echo $HOME; a!b \\ 'c\nd'")), "echo $HOME; a!b \\ 'c\nd'");
}

TEST(remote_text, plain_words_need_no_quotes_and_no_shell_of_posix) {
  EXPECT_EQ(text_of(command(std::vector<std::string>{"uname", "-r"})), "uname -r");
}

TEST(remote_text, refuses_a_nul_byte_wherever_it_stands) {
  using namespace std::string_literals;
  command in_word(std::vector<std::string>{"a\0b"s});
  command in_text("a\0b"s);
  command in_value("a");
  in_value.set_variable("V", "a\0b"s);
  command in_directory("a");
  in_directory.directory = "a\0b"s;
  command in_name("a");
  in_name.set_variable("V\0"s, "");
  for (const command& what : {in_word, in_text, in_value, in_directory, in_name}) {
    std::string problem;
    EXPECT_FALSE(remote_text(what, problem));
    EXPECT_FALSE(problem.empty());
  }
}

}  // namespace
}  // namespace execo::test
