// The execo tool: finds the command and runs it.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "command_line/standard_streams.hpp"
#include "commands.hpp"
#include "execo/context.hpp"
#include "execo/version.hpp"
#include "run.hpp"
#include "text_input.hpp"

namespace execo::cli {
namespace {

constexpr std::string_view usage = R"(Usage: execo COMMAND [OPTION]...

Runs processes on many hosts, and works with the sets that name them.

Commands:
  run         run a command on ssh hosts
  resume      run what is left of a run that was interrupted
  put         copy files to ssh hosts
  get         copy files from ssh hosts
  nodeset     fold, expand, count and combine sets of hosts
  clubak      gather `host: line` text under sets of hosts
  keyscan     ask ssh servers for their host keys
  ssh-config  show what ~/.ssh/config says about hosts

  --help           show this text; `execo COMMAND --help` describes a command
  --version [-v]   show the version; with -v also the backend and the libraries

Examples:
  execo run -w 'node[1-200]' -b -- uname -r
  execo nodeset --fold node1 node2 node3
  execo run -w 'node[1-9]' -- df -h / | execo clubak -b

Defaults for `run`, `put`, `get` and `keyscan` (ssh user, port and keys, fanout, timeouts, colours, log) are read from
~/.config/execo/config.toml, or from the file that $EXECO_CONFIG names.

Exit status: 0 if all went well, 2 for a usage error; `execo run --help` has its own.
)";

constexpr std::string_view commands =
    "run, resume, put, get, nodeset, clubak, keyscan or ssh-config; see `execo --help`";

int print(std::string_view text) {
  write_output(text);
  return finish_output("execo", 0);
}

int refuse(const std::string& line) {
  complain("execo", line);
  return 2;
}

std::string compiler() {
  std::string text;
#if defined(__clang__)
  text = fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  text = fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
#if defined(__SANITIZE_ADDRESS__)
  text += ", address sanitizer";
#elif defined(__SANITIZE_THREAD__)
  text += ", thread sanitizer";
#endif
#if defined(NDEBUG)
  text += ", optimized";
#else
  text += ", assertions";
#endif
  return text;
}

std::string details() {
  std::string text = fmt::format("backend: {}\n", context().backend());
  text += fmt::format("compiler: {}\n", compiler());
  for (const auto& [name, number] : library_versions())
    text += fmt::format("{}: {}\n", name, number);
  return text;
}

int version_main(std::span<char* const> rest, bool verbose) {
  for (std::string_view word : rest) {
    if (word != "-v" && word != "--verbose")
      return refuse(fmt::format("--version takes only -v, not '{}'", word));
    verbose = true;
  }
  return print(fmt::format("execo {}\n{}", version(), verbose ? details() : ""));
}

int dispatch(int argc, char** argv) {
  std::string_view command = argc > 1 ? argv[1] : "";
  std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  std::span<char* const> rest = words.subspan(std::min<std::size_t>(words.size(), 2));
  if (command == "run") return run_main(argc - 1, argv + 1);
  if (command == "resume") return resume_main(argc - 1, argv + 1);
  if (command == "put") return put_main(argc - 1, argv + 1);
  if (command == "get") return get_main(argc - 1, argv + 1);
  if (command == "nodeset") return nodeset_main(argc - 1, argv + 1);
  if (command == "clubak") return clubak_main(argc - 1, argv + 1);
  if (command == "keyscan") return keyscan_main(argc - 1, argv + 1);
  if (command == "ssh-config") return ssh_config_main(argc - 1, argv + 1);
  if (command == "--version") return version_main(rest, false);
  if (command == "-v" && !rest.empty() && std::string_view(rest[0]) == "--version")
    return version_main(rest.subspan(1), true);
  if (command == "--help" || command == "-h" || command == "help") return print(usage);
  if (command.empty()) return refuse(fmt::format("no command: {}", commands));
  return refuse(fmt::format("unknown {} '{}': {}", command.front() == '-' ? "option" : "command",
                            command, commands));
}

}  // namespace
}  // namespace execo::cli

int main(int argc, char** argv) {
  execo::command_line::open_missing_streams();
  try {
    return execo::cli::dispatch(argc, argv);
  } catch (const std::exception& error) {
    execo::cli::complain("execo", error.what());
    return 71;
  }
}
