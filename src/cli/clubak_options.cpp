#include "clubak_options.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "nodeset_options.hpp"

namespace execo::cli {

namespace {

enum long_option {
  option_color = 256,
  option_diff,
  option_groups_file,
  option_interpret,
  option_version,
};

const option long_options[] = {
    {"color", required_argument, nullptr, option_color},
    {"debug", no_argument, nullptr, 'd'},
    {"diff", no_argument, nullptr, option_diff},
    {"dshbak", no_argument, nullptr, 'b'},
    {"fast", no_argument, nullptr, 'F'},
    {"groupbase", no_argument, nullptr, 'G'},
    {"groupsconf", required_argument, nullptr, option_groups_file},
    {"groupsource", required_argument, nullptr, 's'},
    {"help", no_argument, nullptr, 'h'},
    {"interpret-keys", required_argument, nullptr, option_interpret},
    {"quiet", no_argument, nullptr, 'q'},
    {"regroup", no_argument, nullptr, 'r'},
    {"separator", required_argument, nullptr, 'S'},
    {"tree", no_argument, nullptr, 'T'},
    {"verbose", no_argument, nullptr, 'v'},
    {"version", no_argument, nullptr, option_version},
    {nullptr, 0, nullptr, 0},
};

// The usual wishes of the environment, for who does not say --color.
bool color_wanted() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value != '\0';
  };
  if (set("NO_COLOR")) return false;
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (force && std::string_view{force} != "0") return true;
  const char* allow = std::getenv("CLICOLOR");
  if (allow && std::string_view{allow} == "0") return false;
  return ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace

clubak_options::clubak_options(int argc, char** argv) : color(color_wanted()) {
  for_each_option(argc, argv, ":bcBLNrGs:S:FTqvdh", long_options,
                  [this](int option, const char* value) { take(option, value); });
  if (fast && (tree || lines)) throw usage_error("incompatible tree options");
  if (diff && lines) throw usage_error("option mismatch (diff not supported in line_mode)");
}

// Longer than most functions: one case for each option.
void clubak_options::take(int option, const char* value) {
  const std::string_view text = value ? value : "";
  switch (option) {
    case 'b':
    case 'c':
    case 'B':
      gather = true;
      break;
    case 'L':
      lines = true;
      break;
    case 'N':
      no_label = true;
      break;
    case 'r':
      regroup = true;
      break;
    case 'G':
      no_prefix = true;
      break;
    case 's':
      source = text;
      break;
    case 'S':
      separator = text;
      break;
    case 'F':
      fast = true;
      break;
    case 'T':
      tree = true;
      break;
    case 'q':
      quiet = true;
      break;
    case 'v':
      verbose = true;
      break;
    case 'd':
      debug = true;
      break;
    case 'h':
      help = true;
      break;
    case option_diff:
      diff = gather = true;
      break;
    case option_groups_file:
      groups_file = text;
      break;
    case option_version:
      version = true;
      break;
    case option_color:
      if (text != "never" && text != "always" && text != "auto") {
        throw usage_error("option --color: invalid choice: '" + std::string{text} +
                          "' (choose from 'never', 'always', 'auto')");
      }
      color = text == "always" || (text == "auto" && color_wanted());
      break;
    case option_interpret:
      if (text != "never" && text != "always" && text != "auto") {
        throw usage_error("option --interpret-keys: invalid choice: '" + std::string{text} +
                          "' (choose from 'never', 'always', 'auto')");
      }
      interpret = text == "never" ? keys::never : text == "always" ? keys::always : keys::automatic;
      break;
    default:
      break;
  }
}

}  // namespace execo::cli
