// Names of hosts, names of files and arguments that mean something to a shell, to a terminal, to a
// format or to a path: for whoever carries them they are data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace execo::test {

/// Each is one argument.
inline std::vector<std::string> hostile_arguments() {
  std::vector<std::string> all{"$(touch pwn)",
                               "`touch pwn`",
                               "; touch pwn",
                               "&& touch pwn",
                               "| touch pwn",
                               "> pwn",
                               "it's",
                               "\"q\"",
                               "'",
                               "a b",
                               " ",
                               "",
                               "-rf",
                               "--",
                               "-oProxyCommand=touch pwn",
                               "%h",
                               "%n",
                               "%s%s%s",
                               "*",
                               "?",
                               "[a-z]",
                               "{a,b}",
                               "~root",
                               "$HOME",
                               "${IFS}",
                               "\\",
                               "\\n",
                               "#",
                               "!x",
                               "a\nb",
                               "\n",
                               "a\rb",
                               "\t",
                               "\x01\x02\x7f",
                               "\x1b[2J\x1b]0;title\a",
                               "\xc3\xa9",
                               "\xff\xfe",
                               "\xe2\x80\xae",
                               "{{",
                               "EXECO_HOST=forged",
                               "execo1 0 ready",
                               std::string(4000, 'x')};
  return all;
}

/// Each is one name in a directory.
inline std::vector<std::string> hostile_file_names() {
  std::vector<std::string> names;
  for (std::string& one : hostile_arguments())
    if (!one.empty() && one.size() < 256 && one.find('/') == one.npos)
      names.push_back(std::move(one));
  names.emplace_back(255, 'n');
  names.emplace_back(".hidden");
  names.emplace_back("...");
  return names;
}

/// Each is the name of one host, as host::name() may be.
inline std::vector<std::string> hostile_host_names() {
  return {"$(touch${IFS}pwn)",
          "`id`",
          ";id",
          "a&b",
          "a|b",
          "it's",
          "\"q\"",
          "-oA=b",
          "--",
          "%h",
          "%n",
          "*",
          "?",
          "~root",
          "..",
          ".",
          "a\\b",
          "#x",
          "!x",
          "$HOME",
          "\xc3\xa9",
          "fe80::1%eth0",
          "a=b",
          "{a,b}",
          "EXECO_X=y",
          "<in",
          ">out",
          "(x)",
          "../up",
          std::string(255, 'h')};
}

}  // namespace execo::test
