#include "clubak_options.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "command_line/values.hpp"

namespace execo::cli {

namespace {

using command_line::auto_always_never;
using command_line::choose;
using command_line::given_option;
using command_line::usage_error;

using clubak_option = command_line::option<clubak_options>;

template <unsigned Flags>
void set_flags(clubak_options& o, const given_option&) {
  o.flags |= Flags;
}

using bits = clubak_options;

constexpr clubak_option clubak_table[] = {
    {'b', "dshbak", "", "show equal outputs once, under all their nodes", set_flags<bits::gather>},
    {'c', "", "", "the same as -b", set_flags<bits::gather>},
    {'B', "", "", "the same as -b", set_flags<bits::gather>},
    {'L', "", "", "show each line with its nodes, without blocks", set_flags<bits::lines>},
    {'N', "", "", "show no names", set_flags<bits::no_label>},
    {'T', "tree", "", "show common beginnings of outputs only once", set_flags<bits::tree>},
    {'r', "regroup", "", "show nodes as groups", set_flags<bits::regroup>},
    {'s', "groupsource", "SRC", "group source for names without one",
     [](clubak_options& to, const given_option& g) { to.group.source = g.value; }},
    {'G', "groupbase", "", "write groups without their source",
     [](clubak_options& to, const given_option&) { to.group.no_prefix = true; }},
    {0, "groupsconf", "FILE", "read the group sources from this file",
     [](clubak_options& to, const given_option& g) { to.group.file = g.value; }},
    {0, "diff", "", "show the differences from the most frequent output",
     set_flags<bits::diff | bits::gather>},
    {'S', "separator", "TEXT", "separator between node and text (:)",
     [](clubak_options& to, const given_option& g) { to.separator = g.value; }},
    {0, "interpret-keys", "auto|always|never",
     "read the text before the separator as a set of nodes; auto: if that is possible on all lines "
     "(auto)",
     [](clubak_options& to, const given_option& g) {
       to.interpret = choose(g, auto_always_never<clubak_options::keys>);
     }},
    {0, "color", "auto|always|never",
     "colour the names; auto: on a terminal, unless NO_COLOR is set (auto)",
     [](clubak_options& to, const given_option& g) {
       to.color = choose(g, auto_always_never<color_mode>);
     }},
    {'F', "fast", "", "accepted for compatibility: changes nothing", set_flags<bits::fast>},
    {'q', "quiet", "", "show no counts", set_flags<bits::quiet>},
    {'v', "verbose", "", "also show each input line", set_flags<bits::verbose>},
    {'d', "debug", "", "the same, and show the chosen modes on standard error",
     set_flags<bits::debug>},
    {0, "version", "", "show the version"},
    {'h', "help", "", "show this text"},
};

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// What the environment asks for, when --color is `auto`.
bool colors_are_wanted() {
  if (is_set("NO_COLOR")) return false;
  const char* force = std::getenv("CLICOLOR_FORCE");
  if (force != nullptr && std::string_view(force) != "0") return true;
  const char* allow = std::getenv("CLICOLOR");
  if (allow != nullptr && std::string_view(allow) == "0") return false;
  return ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace

command_line::spec_list clubak_specs() {
  return command_line::specs_of<clubak_options>(clubak_table);
}

std::string clubak_help() {
  return "\nReads lines \"node: text\" and shows the text of each node under its name.\n\nOptions "
         "(defaults in parentheses):\n" +
         option_help(clubak_specs());
}

clubak_options::clubak_options(int argc, char** argv) {
  asked =
      command_line::parse<clubak_options>(clubak_table, command_line::words_after_name(argc, argv),
                                          command_line::habits::operands, *this)
          .asked;
  if (asked != question::none) return;
  if (has(fast) && has(tree | lines)) throw usage_error("incompatible tree options");
  if (has(diff) && has(lines))
    throw usage_error("option mismatch (diff not supported in line_mode)");
}

bool clubak_options::colors() const {
  return color == color_mode::automatic ? colors_are_wanted() : color == color_mode::always;
}

}  // namespace execo::cli
