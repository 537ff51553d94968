#include "nodeset_options.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "command_line/values.hpp"

namespace execo::cli {

namespace {

using command_line::given_option;
using command_line::heading;
using command_line::usage_error;

using set_command = nodeset_options::command;
using nodeset_option = command_line::option<nodeset_options>;

// As strtoll(3) reads it; a negative number counts as none.
std::size_t count_of(const given_option& given) {
  const std::string text(given.value);
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') refuse(given, "expected a whole number");
  return value < 0 ? 0 : static_cast<std::size_t>(value);
}

nodeset_options::steps autostep_of(const given_option& given) {
  nodeset_options::steps read;
  if (given.value == "auto") {
    read.rule = nodeset_options::step_rule::all;
    return read;
  }
  const bool percent = given.value.ends_with('%');
  const std::string digits(given.value.substr(0, given.value.size() - (percent ? 1 : 0)));
  char* end = nullptr;
  read.value = percent ? std::strtod(digits.c_str(), &end)
                       : static_cast<double>(std::strtol(digits.c_str(), &end, 10));
  if (digits.empty() || *end != '\0' || !(read.value >= 0))
    refuse(given, "expected a number of nodes, a percentage of them, or auto");
  read.rule = percent ? nodeset_options::step_rule::percent : nodeset_options::step_rule::members;
  return read;
}

template <set_command Chosen>
void choose_command(nodeset_options& o, const given_option&) {
  o.choose(Chosen);
}

// -ll and -lll say more about each group.
template <set_command Chosen>
void choose_list(nodeset_options& o, const given_option&) {
  o.choose(Chosen);
  ++o.list_level;
}

template <char Operation>
void add_operand(nodeset_options& o, const given_option& g) {
  o.operands.emplace_back(Operation, std::string(g.value));
}

constexpr nodeset_option nodeset_table[] = {
    heading<nodeset_options>("Commands (one of):"),
    {'c', "count", "", "show the number of nodes", choose_command<set_command::count>},
    {'e', "expand", "", "show the names of the nodes", choose_command<set_command::expand>},
    {'f', "fold", "", "show the nodes as a set: node[1-3]", choose_command<set_command::fold>},
    {'l', "list", "",
     "show the groups (-ll: also their nodes, -lll: also the number of nodes); if nodes are given, "
     "the groups that contain some of them",
     choose_list<set_command::list>},
    {'L', "list-all", "", "the same for all group sources", choose_list<set_command::list_all>},
    {'r', "regroup", "", "show nodes as groups: @rack1,node7",
     choose_command<set_command::regroup>},
    {0, "list-sources", "", "show the group sources, the default one first",
     choose_command<set_command::list_sources>},
    {0, "groupsources", "", "the same as --list-sources",
     choose_command<set_command::list_sources>},
    {0, "equal", "", "exit with 0 if all NS are equal, 1 if not, 2 for an error",
     choose_command<set_command::equal>},
    {0, "completion", "", "show the words for shell completion: sources, groups and nodes",
     choose_command<set_command::completion>},
    heading<nodeset_options>("Operations, from left to right:"),
    {0, "", "NS",
     "add the nodes; \"-\" reads them from standard input, and so does the absence of NS",
     add_operand<'|'>},
    {'x', "exclude", "NS", "remove nodes", add_operand<'x'>},
    {'i', "intersection", "NS", "keep only these nodes", add_operand<'i'>},
    {'X', "xor", "NS", "keep the nodes that are in exactly one of the two sets", add_operand<'X'>},
    {'a', "all", "", "begin with all nodes of the group source",
     [](nodeset_options& o, const given_option&) { o.all = true; }},
    heading<nodeset_options>("Options:"),
    {'s', "groupsource", "SRC", "group source for names without one",
     [](nodeset_options& o, const given_option& g) { o.group.source = g.value; }},
    {'G', "groupbase", "", "write groups without their source",
     [](nodeset_options& o, const given_option&) { o.group.no_prefix = true; }},
    {0, "groupsconf", "FILE", "read the group sources from this file",
     [](nodeset_options& o, const given_option& g) { o.group.file = g.value; }},
    {'R', "rangeset", "", "read ranges without names instead of nodes: 1-3,7",
     [](nodeset_options& o, const given_option&) { o.of = nodeset_options::element::range; }},
    {'S', "separator", "TEXT", "separator of expanded nodes; may have \\n and \\t (a space)",
     [](nodeset_options& o, const given_option& g) { o.separator = g.value; }},
    {'O', "output-format", "FORMAT", "write each node like this; %s is its name (%s)",
     [](nodeset_options& o, const given_option& g) { o.format = g.value; }},
    {'I', "slice", "RANGES", "keep only the nodes at these positions, from 0",
     [](nodeset_options& o, const given_option& g) { o.slice = g.value; }},
    {0, "split", "N", "split into N sets of nearly equal size",
     [](nodeset_options& o, const given_option& g) { o.split = count_of(g); }},
    {0, "contiguous", "", "split into sets without gaps",
     [](nodeset_options& o, const given_option&) { o.contiguous = true; }},
    {0, "pick", "N", "choose N nodes at random",
     [](nodeset_options& o, const given_option& g) { o.pick = count_of(g); }},
    {0, "axis", "RANGES", "fold only these dimensions, from 1; -1 is the last",
     [](nodeset_options& o, const given_option& g) { o.axis = g.value; }},
    {0, "autostep", "N|P%|auto", "write a-b/step for at least N nodes at equal distances",
     [](nodeset_options& o, const given_option& g) { o.autostep = autostep_of(g); }},
    {'q', "quiet", "", "show no warnings, and no \"(default)\" in the list of sources",
     [](nodeset_options& o, const given_option&) { o.quiet = true; }},
    {'d', "debug", "", "accepted for compatibility: changes nothing",
     [](nodeset_options&, const given_option&) {}},
    {0, "version", "", "show the version"},
    {'h', "help", "", "show this text"},
};

}  // namespace

command_line::spec_list nodeset_specs() {
  return command_line::specs_of<nodeset_options>(nodeset_table);
}

std::string nodeset_help() { return "\n" + option_help(nodeset_specs()); }

nodeset_options::nodeset_options(int argc, char** argv) {
  asked = command_line::parse<nodeset_options>(nodeset_table,
                                               command_line::words_after_name(argc, argv),
                                               command_line::habits::operands, *this)
              .asked;
  if (asked == question::none) check();
}

void nodeset_options::choose(command chosen) {
  const bool again =
      what == chosen && (chosen == set_command::list || chosen == set_command::list_all);
  if (what != set_command::none && !again) throw usage_error("Multiple commands not allowed.");
  what = chosen;
}

void nodeset_options::check() const {
  const bool ranges = of == element::range;
  if (what == set_command::none) throw usage_error("No command specified.");
  if (ranges && (all || what == set_command::regroup))
    throw usage_error("-a/-r only supported in NodeSet mode");
  if (axis && (what != set_command::fold || ranges))
    throw usage_error("--axis option is only supported when folding nodeset");
  if (split && contiguous) throw usage_error("incompatible splitting options (split, contiguous)");
  if (what == set_command::equal) check_equal();
}

// Each set is compared as it is: an operation on the one set that all of them make has no meaning.
void nodeset_options::check_equal() const {
  const bool operates =
      std::ranges::any_of(operands, [](const operand& o) { return o.operation != '|'; });
  if (all || operates || slice || pick > 0 || split || contiguous)
    throw usage_error("--equal compares the sets given, and takes no operation on them");
  if (operands.size() < 2) throw usage_error("--equal needs two sets or more");
}

}  // namespace execo::cli
