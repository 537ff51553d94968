#include "nodeset_options.hpp"

#include <algorithm>
#include <cstdlib>

namespace execo::cli {

namespace {

enum long_option {
  option_autostep = 256,
  option_axis,
  option_completion,
  option_contiguous,
  option_equal,
  option_groups_file,
  option_pick,
  option_sources,
  option_split,
  option_version,
};

// "-" first: words that are no options come in their place, since operations apply left to right.
constexpr const char* short_options = "-:acefhlLrdqRGs:S:O:I:x:i:X:";

const option long_options[] = {
    {"all", no_argument, nullptr, 'a'},
    {"autostep", required_argument, nullptr, option_autostep},
    {"axis", required_argument, nullptr, option_axis},
    {"completion", no_argument, nullptr, option_completion},
    {"contiguous", no_argument, nullptr, option_contiguous},
    {"count", no_argument, nullptr, 'c'},
    {"debug", no_argument, nullptr, 'd'},
    {"equal", no_argument, nullptr, option_equal},
    {"exclude", required_argument, nullptr, 'x'},
    {"expand", no_argument, nullptr, 'e'},
    {"fold", no_argument, nullptr, 'f'},
    {"groupbase", no_argument, nullptr, 'G'},
    {"groupsconf", required_argument, nullptr, option_groups_file},
    {"groupsource", required_argument, nullptr, 's'},
    {"groupsources", no_argument, nullptr, option_sources},
    {"help", no_argument, nullptr, 'h'},
    {"intersection", required_argument, nullptr, 'i'},
    {"list", no_argument, nullptr, 'l'},
    {"list-all", no_argument, nullptr, 'L'},
    {"list-sources", no_argument, nullptr, option_sources},
    {"output-format", required_argument, nullptr, 'O'},
    {"pick", required_argument, nullptr, option_pick},
    {"quiet", no_argument, nullptr, 'q'},
    {"rangeset", no_argument, nullptr, 'R'},
    {"regroup", no_argument, nullptr, 'r'},
    {"separator", required_argument, nullptr, 'S'},
    {"slice", required_argument, nullptr, 'I'},
    {"split", required_argument, nullptr, option_split},
    {"version", no_argument, nullptr, option_version},
    {"xor", required_argument, nullptr, 'X'},
    {nullptr, 0, nullptr, 0},
};

std::size_t number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') {
    throw usage_error("option " + option + ": invalid integer value: '" + text + "'");
  }
  return value < 0 ? 0 : static_cast<std::size_t>(value);
}

}  // namespace

nodeset_options::nodeset_options(int argc, char** argv) {
  for_each_option(argc, argv, short_options, long_options,
                  [this](int option, const char* value) { take(option, value); });
  for (; optind < argc; ++optind) operands.emplace_back('|', argv[optind]);
  check();
}

void nodeset_options::choose(command chosen) {
  const bool again = what == chosen && (chosen == command::list || chosen == command::list_all);
  if (what != command::none && !again) throw usage_error("Multiple commands not allowed.");
  what = chosen;
}

// Longer than most functions: one case for each option.
void nodeset_options::take(int option, const char* value) {
  switch (option) {
    case 1:
      operands.emplace_back('|', value);
      break;
    case 'x':
    case 'i':
    case 'X':
      operands.emplace_back(static_cast<char>(option), value);
      break;
    case 'c':
      choose(command::count);
      break;
    case 'e':
      choose(command::expand);
      break;
    case 'f':
      choose(command::fold);
      break;
    case 'r':
      choose(command::regroup);
      break;
    case 'l':
      choose(command::list), ++list_level;
      break;
    case 'L':
      choose(command::list_all), ++list_level;
      break;
    case option_sources:
      choose(command::list_sources);
      break;
    case option_completion:
      choose(command::completion);
      break;
    case option_equal:
      choose(command::equal);
      break;
    case 'a':
      all = true;
      break;
    case 'h':
      help = true;
      break;
    case 'd':
      break;  // this tool has nothing to add
    case 'q':
      quiet = true;
      break;
    case 'R':
      ranges = true;
      break;
    case 'G':
      no_prefix = true;
      break;
    case 's':
      source = value;
      break;
    case 'S':
      separator = value;
      break;
    case 'O':
      format = value;
      break;
    case 'I':
      slice = value, has_slice = true;
      break;
    case option_axis:
      axis = value, has_axis = true;
      break;
    case option_contiguous:
      contiguous = true;
      break;
    case option_groups_file:
      groups_file = value;
      break;
    case option_pick:
      pick = number("--pick", value);
      break;
    case option_split:
      split = number("--split", value), has_split = true;
      break;
    case option_version:
      version = true;
      break;
    case option_autostep:
      set_autostep(value);
      break;
    default:
      break;
  }
}

void nodeset_options::set_autostep(const std::string& value) {
  if (value == "auto") {
    autostep = step_rule::all;
    return;
  }
  const bool percent = value.ends_with('%');
  const std::string digits = percent ? value.substr(0, value.size() - 1) : value;
  char* end = nullptr;
  autostep_value = percent ? std::strtod(digits.c_str(), &end)
                           : static_cast<double>(std::strtol(digits.c_str(), &end, 10));
  if (digits.empty() || *end != '\0' || !(autostep_value >= 0)) {
    throw usage_error("option --autostep: invalid value: '" + value +
                      "', should be node count, node percentage or 'auto'");
  }
  autostep = percent ? step_rule::percent : step_rule::members;
}

void nodeset_options::check() const {
  if (help || version) return;
  if (what == command::none) throw usage_error("No command specified.");
  if (ranges && (all || what == command::regroup)) {
    throw usage_error("-a/-r only supported in NodeSet mode");
  }
  if (has_axis && (what != command::fold || ranges)) {
    throw usage_error("--axis option is only supported when folding nodeset");
  }
  if (has_split && contiguous) {
    throw usage_error("incompatible splitting options (split, contiguous)");
  }
  if (what == command::equal) check_equal();
}

// Each set stands for itself: what works on one set that all of them make has no meaning.
void nodeset_options::check_equal() const {
  const bool operates =
      std::ranges::any_of(operands, [](const operand& o) { return o.operation != '|'; });
  if (all || operates || has_slice || pick > 0 || has_split || contiguous) {
    throw usage_error("--equal compares the sets given, and takes no operation on them");
  }
  if (operands.size() < 2) throw usage_error("--equal needs two sets or more");
}

}  // namespace execo::cli
