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

using command = nodeset_options::command;

constexpr const char* usage = "Usage: nodeset [COMMAND] [OPTIONS] [ns1 [-ixX] ns2|...]\n";

constexpr const char* help_text = R"(
Commands (one of):
  -c, --count           number of nodes
  -e, --expand          names of the nodes
  -f, --fold            nodes as a set: node[1-3]
  -l, --list            groups (-ll: and their nodes, -lll: and how many); of the nodes, if given
  -L, --list-all        the same for all group sources
  -r, --regroup         nodes as groups: @rack1,node7
  --list-sources        group sources, the default one first
Operations, from left to right:
  ns                    add the nodes; "-" reads them from standard input, as no ns at all does
  -x, --exclude NS      take nodes away
  -i, --intersection NS keep only these nodes
  -X, --xor NS          keep the nodes that are in one of both
  -a, --all             begin with all nodes of the group source
Options:
  -s, --groupsource SRC group source of names without one
  -G, --groupbase       write groups without their source
  --groupsconf FILE     read the group sources from this file
  -R, --rangeset        bare ranges instead of nodes: 1-3,7
  -S, --separator TEXT  between expanded nodes; \n and \t are understood
  -O, --output-format F write each node like this; %s is its name
  -I, --slice RANGES    keep only the nodes at these positions, from 0
  --split N             N sets of nearly equal size
  --contiguous          sets without holes
  --pick N              N nodes at random
  --axis RANGES         fold only these dimensions, from 1; -1 is the last
  --autostep N|P%|auto  write a-b/step where at least N nodes follow each other like that
  -q, --quiet           -d, --debug           --version           -h, --help
)";

// Writes what is asked for in pieces of some size.
class output {
 public:
  ~output() { flush(); }
  void write(std::string_view text) {
    if (text.size() > 65536) {
      flush();
      std::fwrite(text.data(), 1, text.size(), stdout);
      return;
    }
    buffer_ += text;
    if (buffer_.size() > 65536) flush();
  }
  void line(std::string_view text) {
    write(text);
    write("\n");
  }
  void flush() {
    std::fwrite(buffer_.data(), 1, buffer_.size(), stdout);
    std::fflush(stdout);
    buffer_.clear();
  }

 private:
  std::string buffer_;
};

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

// Group sources, read only by the commands and sets that need them.
class group_access {
 public:
  explicit group_access(const nodeset_options& options) : options_(options) {}

  const groups& get() {
    if (!groups_) {
      groups_ = options_.groups_file.empty() ? groups::standard()
                                             : groups::from_file(options_.groups_file);
      if (!options_.source.empty()) groups_->set_default(options_.source);
    }
    return *groups_;
  }

  host_set read(std::string_view text) {
    if (!has_any(text, "@*?")) return host_set{text};
    return get().read(text);
  }

 private:
  const nodeset_options& options_;
  std::optional<groups> groups_;
};

host_set read_set(std::string_view text, group_access& access, const host_set*) {
  return access.read(text);
}

range_set read_set(std::string_view text, group_access&, const range_set*) {
  return range_set{text};
}

// The set that the operands make. Set is host_set or range_set.
template <class Set>
class evaluator {
 public:
  evaluator(const nodeset_options& options, group_access& access)
      : options_(options), access_(access) {}

  Set run(Set begin) {
    set_ = std::move(begin);
    const auto adds = [](const auto& operand) { return operand.operation == '|'; };
    started_ = options_.all;
    if (!options_.all && std::ranges::none_of(options_.operands, adds)) {
      add_input('|');
      started_ = !set_.empty();
    }
    for (const auto& [operation, text] : options_.operands) {
      if (operation != '|' && !started_ && set_.empty()) {
        std::fputs("WARNING: empty left operand for set operation\n", stderr);
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
  // Standard input can be read once only: every "-" means the same nodes.
  void add_input(char operation) {
    if (input_) return apply(operation, *input_);
    Set read;
    // One long text is read much faster than many short ones; but a set with operators in it
    // stands for itself. The words move to the front of the text, with commas between.
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
  if (options.has_slice) chosen = chosen.at(range_set{options.slice}.numbers());
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
  double members = options.autostep_value;
  if (options.autostep == rule::percent) {
    members = std::ceil(static_cast<double>(size) * members / 100);
  } else if (options.autostep == rule::all) {
    members = static_cast<double>(std::max<std::size_t>(3, size));
  }
  if (options.autostep != rule::none) {
    style.autostep(std::max<std::size_t>(1, static_cast<std::size_t>(members)));
  }
  if (!options.has_axis) return style;
  if (options.axis.starts_with('-')) {
    style.axis(-static_cast<int>(range_set{options.axis.substr(1)}.numbers().at(0)));
    return style;
  }
  for (const std::size_t axis : range_set{options.axis}.numbers()) {
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

void expand(const host_set& set, output& out, const nodeset_options& options) {
  bool first = true;
  set.for_each([&](std::string_view name) {
    if (!first) out.write(options.separator);
    first = false;
    out.write(options.format == "%s" ? std::string{name} : formatted(options.format, name));
  });
  out.write("\n");
}

void expand(const range_set& set, output& out, const nodeset_options& options) {
  std::string text;
  for (const std::string& index : set.expand()) {
    if (!text.empty()) text += options.separator;
    text += formatted(options.format, index);
  }
  out.line(text);
}

std::string regrouped(const host_set& set, group_access& access, const nodeset_options& options,
                      const fold_style& style) {
  return access.get().regroup(set, options.no_prefix ? "" : options.source, style);
}

std::string regrouped(const range_set&, group_access&, const nodeset_options&, const fold_style&) {
  return {};
}

template <class Set>
void print_set(const Set& all, const nodeset_options& options, group_access& access) {
  output out;
  const Set set = select(all, options);
  const fold_style style = style_of(options, set.size());
  std::vector<Set> parts;
  if (options.split > 1) {
    parts = set.split(options.split);
  } else if (options.contiguous) {
    parts = set.contiguous();
  } else {
    parts.push_back(set);
  }
  for (const Set& part : parts) {
    switch (options.what) {
      case command::count:
        out.line(formatted(options.format, std::to_string(part.size())));
        break;
      case command::expand:
        expand(part, out, options);
        break;
      case command::fold:
        out.line(folded(part, options, style));
        break;
      default:
        out.line(regrouped(part, access, options, style));
        break;
    }
  }
}

// -l, -ll, -lll for one source. Without nodes all groups are listed, and a source that cannot
// answer is an error; with nodes it has nothing to say.
void list_source(output& out, const groups& sources, const std::string& source,
                 const std::string& prefix, const std::optional<host_set>& nodes, int level) {
  const auto print = [&](const std::string& name, const host_set& common, std::size_t size) {
    std::string text = prefix + name;
    if (level > 1) text += ' ' + common.to_string();
    if (level > 2) text += ' ' + std::to_string(common.size());
    if (level > 2 && nodes) text += '/' + std::to_string(size);
    out.line(text);
  };
  if (!nodes) {
    for (const std::string& name : sources.names(source)) {
      const host_set members = level > 1 ? sources.members(name, source) : host_set{};
      print(name, members, members.size());
    }
    return;
  }
  try {
    for (const group_match& match : sources.matches(*nodes, source)) {
      print(match.group.substr(match.group.rfind(source.empty() ? '@' : ':') + 1), match.common,
            match.size);
    }
  } catch (const host_set_error& error) {
    if (error.code() != host_set_errc::group) throw;
  }
}

void list_groups(const nodeset_options& options, group_access& access) {
  output out;
  const groups& sources = access.get();
  std::optional<host_set> nodes;
  if (options.all || !options.operands.empty()) {
    nodes = evaluator<host_set>{options, access}.run(options.all ? sources.all(options.source)
                                                                 : host_set{});
  }
  const std::string own =
      options.no_prefix || options.source.empty() ? "@" : "@" + options.source + ":";
  list_source(out, sources, options.source, own, nodes, options.list_level);
  if (options.what == command::list) return;
  const auto names = sources.sources();
  for (std::size_t i = 1; i < names.size(); ++i) {
    const std::string prefix = options.no_prefix ? "@" : "@" + names[i] + ":";
    list_source(out, sources, names[i], prefix, nodes, options.list_level);
  }
}

void list_sources(const nodeset_options& options, group_access& access) {
  output out;
  const auto names = access.get().sources();
  for (std::size_t i = 0; i < names.size(); ++i) {
    out.line(i == 0 && !options.quiet ? names[i] + " (default)" : names[i]);
  }
}

void complete(group_access& access) {
  output out;
  for (const std::string& source : access.get().sources()) out.line("@" + source + ":");
  for (const std::string& group : access.get().names()) out.line("@" + group);
}

void run(nodeset_options& options) {
  group_access access{options};
  options.separator = unescaped(options.separator);
  switch (options.what) {
    case command::list:
    case command::list_all:
      return list_groups(options, access);
    case command::list_sources:
      return list_sources(options, access);
    case command::completion:
      return complete(access);
    default:
      break;
  }
  if (options.ranges) {
    return print_set(evaluator<range_set>{options, access}.run({}), options, access);
  }
  const host_set begin = options.all ? access.get().all(options.source) : host_set{};
  print_set(evaluator<host_set>{options, access}.run(begin), options, access);
}

}  // namespace

int nodeset_main(int argc, char** argv) {
  try {
    nodeset_options options{argc, argv};
    if (options.help) {
      std::printf("%s%s", usage, help_text);
    } else if (options.version) {
      std::puts("nodeset of execo");
    } else {
      run(options);
    }
    return 0;
  } catch (const usage_error& error) {
    std::fprintf(stderr, "%s\nnodeset: error: %s\n", usage, error.what());
    return 2;
  } catch (const plain_error& error) {
    std::fprintf(stderr, "ERROR: %s\n", error.what());
  } catch (const host_set_error& error) {
    std::fprintf(stderr, "nodeset: %s%s\n", error_kind(error.code()), error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ERROR: %s\n", error.what());
  }
  return 1;
}

}  // namespace execo::cli
