// `execo nodeset`: counts, folds, expands, splits, regroups and lists sets of hosts.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <execo/groups.hpp>
#include <execo/host_set.hpp>
#include <execo/range_set.hpp>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "commands.hpp"
#include "nodeset_options.hpp"
#include "text_input.hpp"

namespace execo::cli {

namespace {

using command_line::usage_error;
using set_command = nodeset_options::command;

constexpr const char* nodeset_usage = "Usage: nodeset [COMMAND] [OPTIONS] [ns1 [-ixX] ns2|...]\n";

std::string formatted(std::string_view format, std::string_view name) {
  std::string text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      text += format[i];
    } else if (format[++i] == 's') {
      text += name;
    } else {
      text += format[i];
    }
  }
  return text;
}

bool is_set_operator(char c) { return c == '!' || c == '&' || c == '^'; }

host_set read_set(std::string_view text, group_access& access, const host_set*) {
  return names_groups(text) ? access.get().read(text) : host_set{text};
}

range_set read_set(std::string_view text, group_access&, const range_set*) {
  return range_set{text};
}

// Computes the set from the operands. Set is host_set or range_set.
template <class Set>
class evaluator {
 public:
  evaluator(const nodeset_options& options, group_access& access)
      : options_(options), access_(access) {}

  Set run(Set begin) {
    set_ = std::move(begin);
    const auto adds = [](const auto& operand) { return operand.operation == '|'; };
    started_ = options_.all;
    if (reads_input() && std::ranges::none_of(options_.operands, adds)) {
      add_input('|');
      started_ = !set_.empty();
    }
    for (const auto& [operation, text] : options_.operands) {
      if (operation != '|' && !started_ && set_.empty() && !options_.quiet) {
        (void)std::fputs("WARNING: empty left operand for set operation\n", stderr);
      }
      if (text == "-") {
        add_input(operation);
      } else {
        add_lines(operation, text);
      }
      started_ = started_ || operation == '|';
    }
    return std::move(set_);
  }

 private:
  // A list of groups reads nodes from standard input only for "-".
  [[nodiscard]] bool reads_input() const {
    return !options_.all && options_.what != set_command::list &&
           options_.what != set_command::list_all && options_.what != set_command::completion;
  }

  // Standard input can be read only once: every "-" means the same nodes.
  void add_input(char operation) {
    if (input_) return apply(operation, *input_);
    Set read;
    // Parsing one long text is much faster than many short ones, so the words move to the front of
    // the text, separated by commas. A set with operators is parsed alone.
    std::string text = read_standard_input();
    std::size_t used = 0;
    for_each_word(text, [&](std::string_view word) {
      if (std::ranges::any_of(word, is_set_operator)) {
        read |= parse(word);
        return;
      }
      if (used > 0) text[used++] = ',';
      std::char_traits<char>::move(text.data() + used, word.data(), word.size());
      used += word.size();
    });
    if (used > 0) read |= parse(std::string_view(text).substr(0, used));
    input_ = read;
    apply(operation, read);
  }

  void add_lines(char operation, std::string_view text) {
    if (text.find('\n') == std::string_view::npos) return apply(operation, parse(text));
    Set read;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (end > at) read |= parse(text.substr(at, end - at));
      at = end + 1;
    }
    apply(operation, read);
  }

  Set parse(std::string_view text) {
    return read_set(text, access_, static_cast<const Set*>(nullptr));
  }

  void apply(char operation, const Set& operand) {
    switch (operation) {
      case 'x':
        set_ -= operand;
        break;
      case 'i':
        set_ &= operand;
        break;
      case 'X':
        set_ ^= operand;
        break;
      default:
        set_ |= operand;
        break;
    }
  }

  const nodeset_options& options_;
  group_access& access_;
  Set set_;
  std::optional<Set> input_;
  bool started_ = false;
};

template <class Set>
Set select(const Set& set, const nodeset_options& options) {
  Set chosen = set;
  if (options.slice) chosen = chosen.at(range_set{*options.slice}.numbers());
  if (options.pick > 0 && options.pick < chosen.size()) {
    std::vector<std::size_t> positions(chosen.size());
    std::iota(positions.begin(), positions.end(), std::size_t{0});
    std::vector<std::size_t> picked;
    std::mt19937_64 random{std::random_device{}()};
    std::ranges::sample(positions, std::back_inserter(picked),
                        static_cast<std::ptrdiff_t>(options.pick), random);
    chosen = chosen.at(picked);
  }
  return chosen;
}

fold_style style_of(const nodeset_options& options, std::size_t size) {
  fold_style style;
  using rule = nodeset_options::step_rule;
  const auto [step_rule, value] = options.autostep;
  double members = value;
  if (step_rule == rule::percent) {
    members = std::ceil(static_cast<double>(size) * members / 100);
  } else if (step_rule == rule::all) {
    members = static_cast<double>(std::max<std::size_t>(3, size));
  }
  if (step_rule != rule::none) {
    style.autostep(std::max<std::size_t>(1, static_cast<std::size_t>(members)));
  }
  if (!options.axis) return style;
  if (options.axis->starts_with('-')) {
    style.axis(-static_cast<int>(range_set{options.axis->substr(1)}.numbers().at(0)));
    return style;
  }
  for (const std::size_t axis : range_set{*options.axis}.numbers()) {
    style.axis(static_cast<int>(std::min<std::size_t>(axis, 1000)) - 1);
  }
  return style;
}

std::string folded(const host_set& set, const nodeset_options& options, const fold_style& style) {
  if (options.format == "%s") return set.to_string(style);
  host_set named;
  set.for_each([&](std::string_view name) {
    named |= host_set::from_name(formatted(options.format, name));
  });
  return named.to_string(style);
}

std::string folded(const range_set& set, const nodeset_options& options, const fold_style& style) {
  return formatted(options.format, set.to_string(style));
}

void expand(const host_set& set, const nodeset_options& options) {
  bool first = true;
  set.for_each([&](std::string_view name) {
    if (!first) write_output(options.separator);
    first = false;
    write_output(options.format == "%s" ? std::string{name} : formatted(options.format, name));
  });
  write_output("\n");
}

void expand(const range_set& set, const nodeset_options& options) {
  std::string text;
  for (const std::string& index : set.expand()) {
    if (!text.empty()) text += options.separator;
    text += formatted(options.format, index);
  }
  write_line(text);
}

std::string regrouped(const host_set& set, group_access& access, const nodeset_options& options,
                      const fold_style& style) {
  const std::string text = access.get().regroup(set, options.group.shown_source(), style);
  return formatted(options.format, text);
}

std::string regrouped(const range_set&, group_access&, const nodeset_options&, const fold_style&) {
  return {};
}

template <class Set>
void print_set(const Set& all, const nodeset_options& options, group_access& access) {
  const Set set = select(all, options);
  const fold_style style = style_of(options, set.size());
  std::vector<Set> parts;
  if (options.split.value_or(1) > 1) {
    parts = set.split(*options.split);
  } else if (options.contiguous) {
    parts = set.contiguous();
  }
  if (parts.empty()) parts.push_back(set);  // an empty set is a line, too
  for (const Set& part : parts) {
    switch (options.what) {
      case set_command::count:
        write_line(formatted(options.format, std::to_string(part.size())));
        break;
      case set_command::expand:
        expand(part, options);
        break;
      case set_command::fold:
        write_line(folded(part, options, style));
        break;
      default:
        write_line(regrouped(part, access, options, style));
        break;
    }
  }
}

// -l, -ll, -lll: lists all groups, or those of some nodes. An error in one group or source is
// reported on standard error, and the others are still listed.
class group_lister {
 public:
  group_lister(const nodeset_options& options, const groups& sources,
               const std::optional<host_set>& nodes)
      : options_(options), sources_(sources), nodes_(nodes) {}

  void list(const std::string& source, const std::string& prefix) {
    if (nodes_) {
      list_of_nodes(source, prefix);
    } else {
      for (const std::string& name : sources_.names(source)) list_group(name, source, prefix);
    }
  }

  /// The same, but an error does not keep the sources after it from being listed.
  void try_list(const std::string& source, const std::string& prefix) {
    try {
      list(source, prefix);
    } catch (const host_set_error& error) {
      // As in ClusterShell, whose words these are, a source without a list is not a failure.
      const bool no_list = error.code() == host_set_errc::no_list;
      complain("Warning", no_list ? "No list upcall defined for group source " + error.part()
                                  : std::string{error.what()});
      failed_ = failed_ || !no_list;
    }
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  void list_group(const std::string& name, const std::string& source, const std::string& prefix) {
    try {
      const host_set members =
          options_.list_level > 1 ? sources_.members(name, source) : host_set{};
      print(prefix + name, members, members.size());
    } catch (const host_set_error& error) {
      complain("Warning", prefix + name + ": " + error.what());
      failed_ = true;
    }
  }

  // A source that cannot look up groups of nodes is skipped.
  void list_of_nodes(const std::string& source, const std::string& prefix) {
    try {
      if (options_.list_level == 1) {
        for (const std::string& name : sources_.names_of(*nodes_, source))
          write_line(prefix + name);
        return;
      }
      for (const group_match& match : sources_.matches(*nodes_, source)) {
        print(prefix + match.group.substr(source.empty() ? 1 : source.size() + 2), match.common,
              match.size);
      }
    } catch (const host_set_error& error) {
      if (error.code() == host_set_errc::group_source) throw;
    }
  }

  void print(std::string text, const host_set& common, std::size_t size) {
    if (options_.list_level > 1) text += ' ' + common.to_string(style_of(options_, common.size()));
    if (options_.list_level > 2) text += ' ' + std::to_string(common.size());
    if (options_.list_level > 2 && nodes_) text += '/' + std::to_string(size);
    write_line(text);
  }

  const nodeset_options& options_;
  const groups& sources_;
  const std::optional<host_set>& nodes_;
  bool failed_ = false;
};

int list_groups(const nodeset_options& options, group_access& access) {
  const groups& sources = access.get();
  std::optional<host_set> nodes;
  if (options.all || !options.operands.empty()) {
    nodes = evaluator<host_set>{options, access}.run(options.all ? sources.all(options.group.source)
                                                                 : host_set{});
  }
  group_lister lister{options, sources, nodes};
  if (options.what == set_command::list) {
    lister.list(options.group.source, options.group.prefix());
    return 0;
  }
  const auto names = sources.sources();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool bare = options.group.no_prefix || i == 0;
    lister.try_list(i == 0 ? std::string{} : names[i], bare ? "@" : "@" + names[i] + ":");
  }
  return lister.failed() ? 1 : 0;
}

void list_sources(const nodeset_options& options, group_access& access) {
  const auto names = access.get().sources();
  for (std::size_t i = 0; i < names.size(); ++i) {
    write_line(i == 0 && !options.quiet ? names[i] + " (default)" : names[i]);
  }
}

// What a shell may offer as the next word: sources, groups, and nodes of the groups named so far.
void complete(const nodeset_options& options, group_access& access) {
  const groups& sources = access.get();
  if (options.group.source.empty()) {
    for (const std::string& source : sources.sources()) write_line("@" + source + ":");
  }
  const std::string prefix = options.group.prefix();
  for (const std::string& group : sources.names(options.group.source)) write_line(prefix + group);
  const host_set begin = options.all ? sources.all(options.group.source) : host_set{};
  const host_set nodes = evaluator<host_set>{options, access}.run(begin);
  if (!nodes.empty()) expand(nodes, options);
}

// Whether all operands are the same set.
template <class Set>
bool all_equal(const nodeset_options& options, group_access& access) {
  nodeset_options one = options;
  const auto read = [&](const nodeset_options::operand& operand) {
    one.operands.assign(1, operand);
    return evaluator<Set>{one, access}.run({});
  };
  const Set first = read(options.operands.front());
  return std::all_of(options.operands.begin() + 1, options.operands.end(),
                     [&](const auto& operand) { return read(operand) == first; });
}

int run_set_command(nodeset_options& options) {
  group_access access{options.group};
  const bool is_of_ranges = options.of == nodeset_options::element::range;
  options.separator = unescaped(options.separator);
  if (!options.group.source.empty()) {
    if (is_of_ranges && !options.quiet) {
      complain("WARNING", "option group source \"" + options.group.source + "\" ignored");
    }
    static_cast<void>(access.get());  // a source that does not exist is an error of every command
  }
  switch (options.what) {
    case set_command::list:
    case set_command::list_all:
      return list_groups(options, access);
    case set_command::list_sources:
      return list_sources(options, access), 0;
    case set_command::completion:
      return complete(options, access), 0;
    case set_command::equal:
      return is_of_ranges ? !all_equal<range_set>(options, access)
                          : !all_equal<host_set>(options, access);
    default:
      break;
  }
  if (is_of_ranges) {
    print_set(evaluator<range_set>{options, access}.run({}), options, access);
    return 0;
  }
  const host_set begin = options.all ? access.get().all(options.group.source) : host_set{};
  print_set(evaluator<host_set>{options, access}.run(begin), options, access);
  return 0;
}

int run_or_answer(nodeset_options& options) {
  if (options.asked != command_line::question::none) {
    const bool help = options.asked == command_line::question::help;
    write_output(help ? nodeset_usage + nodeset_help() : "nodeset of execo\n");
    return 0;
  }
  const warnings on_stderr{"nodeset"};
  return run_set_command(options);
}

}  // namespace

int nodeset_main(int argc, char** argv) {
  int failure = 1;
  try {
    nodeset_options options{argc, argv};
    if (options.what == set_command::equal) failure = 2;  // 1 means: not equal
    return finish_output("nodeset", run_or_answer(options));
  } catch (const usage_error& error) {
    (void)std::fprintf(stderr, "%s\n", nodeset_usage);
    complain("nodeset", std::string{"error: "} + error.what());
    return 2;
  } catch (const plain_error& error) {
    complain("ERROR", error.what());
  } catch (const host_set_error& error) {
    complain("nodeset", std::string{error_kind(error.code())} + error.what());
  } catch (const std::exception& error) {
    complain("ERROR", error.what());
  }
  return finish_output("nodeset", failure);
}

}  // namespace execo::cli
