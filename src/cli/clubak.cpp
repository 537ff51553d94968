// `execo clubak`: reads `host: line` text and shows it by host, with equal outputs together.

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <execo/groups.hpp>
#include <execo/host.hpp>
#include <execo/host_set.hpp>
#include <execo/printable.hpp>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "clubak_options.hpp"
#include "commands.hpp"
#include "line_diff.hpp"
#include "text_input.hpp"

namespace execo::cli {

namespace {

constexpr const char* clubak_usage = "Usage: clubak [options]\n";

using command_line::usage_error;
using lines = std::vector<std::string>;

// The output of a set of nodes.
struct block {
  host_set nodes;
  std::size_t place;  // among the blocks, in order of their first nodes
  const lines* text;
};

bool is_ipv6(std::string address) {
  in6_addr ignored;
  address.resize(std::min(address.find('%'), address.size()));  // fe80::1%eth0
  return ::inet_pton(AF_INET6, address.c_str(), &ignored) == 1;
}

// Whether the text is a host with a port or an IPv6 literal, as `execo run` writes it before a
// line.
bool is_host_with_colons(std::string_view text) {
  try {
    const host named{text};
    const bool is_literal = named.name().find(':') != std::string::npos;
    return is_literal ? is_ipv6(named.name()) : named.port() != 0;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

// Finds the separator. A colon may be part of the host: ::1, root@n1:2222, [::1]:22.
std::size_t find_separator(std::string_view line, std::string_view separator) {
  if (separator.empty()) return line.npos;
  const std::size_t first = line.find(separator);
  if (separator != ":" || first == line.npos) return first;
  const std::size_t before_blank = std::min(line.find(": "), line.size() - 1);
  if (before_blank <= first || line[before_blank] != ':') return first;
  return is_host_with_colons(line.substr(0, before_blank)) ? before_blank : first;
}

constexpr std::size_t max_nodes_of_key = 1'000'000;
constexpr std::size_t max_complaints = 10;

class clubak {
 public:
  explicit clubak(const clubak_options& options) : options_(options) {}

  /// Returns the exit status: 1 if some line was malformed.
  int run() {
    if (has(clubak_options::debug)) {
      (void)std::fprintf(stderr, "clubak: line_mode=%s gather=%s tree_depth=1\n",
                         has(clubak_options::lines) ? "True" : "False",
                         has(clubak_options::gather) ? "True" : "False");
    }
    read();
    if (has(clubak_options::diff)) {
      print_diff();
    } else if (has(clubak_options::tree)) {
      print_tree();
    } else {
      print_blocks();
    }
    write_output(out_);
    return bad_lines_ > 0 ? 1 : 0;
  }

 private:
  bool has(unsigned any_of) const noexcept { return options_.has(any_of); }

  struct input_line {
    std::string key;
    std::string text;
  };

  // A file or a pipe gets the text unchanged, in UTF-8; a terminal gets no control characters.
  std::string shown(std::string_view text) const {
    return terminal_ ? printable(text) : repaired_utf8(text);
  }

  void read() {
    const std::string separator = unescaped(options_.separator);
    const std::string input = read_standard_input();
    std::vector<input_line> list;
    for (std::size_t at = 0; at < input.size();) {
      const std::size_t end = std::min(input.find('\n', at), input.size());
      const std::string line = input.substr(at, end - at);
      at = end + 1;
      if (has(clubak_options::verbose | clubak_options::debug))
        out_ += "INPUT " + shown(line) + "\n";
      if (line.find_first_not_of(" \t\r") == line.npos) continue;
      const std::size_t place = find_separator(line, separator);
      if (place == line.npos) {
        skip("no separator in", line);
        continue;
      }
      std::string key = line.substr(0, place);
      key.erase(0, std::min(key.find_first_not_of(" \t"), key.size()));
      key.erase(key.find_last_not_of(" \t") + 1);
      if (key.empty()) {
        skip("no node found", line);
      } else {
        list.push_back({std::move(key), shown(line.substr(place + separator.size()))});
      }
    }
    if (bad_lines_ > max_complaints) {
      complain("clubak", std::to_string(bad_lines_ - max_complaints) + " more lines like these");
    }
    std::unordered_map<std::string, std::vector<std::string>> nodes;
    const bool interpret = interpret_keys(list, nodes);
    for (input_line& line : list) {
      if (!interpret) {
        add_line(line.key, line.text);
        continue;
      }
      for (const std::string& node : nodes[line.key]) add_line(node, line.text);
    }
  }

  // A malformed line does not affect the others.
  void skip(const std::string& why, const std::string& line) {
    if (++bad_lines_ <= max_complaints) complain("clubak", why + ": \"" + printable(line) + '"');
  }

  void add_line(const std::string& node, const std::string& text) {
    const auto [at, added] = place_.emplace(node, names_.size());
    if (added) {
      names_.push_back(node);
      texts_.emplace_back();
    }
    texts_[at->second].push_back(text);
  }

  // Whether all keys are sets of nodes. If so, reads them into `nodes`.
  bool interpret_keys(const std::vector<input_line>& list,
                      std::unordered_map<std::string, std::vector<std::string>>& nodes) {
    if (options_.interpret == clubak_options::keys::never) return false;
    try {
      for (const input_line& line : list) {
        if (nodes.contains(line.key)) continue;
        const host_set set =
            names_groups(line.key) ? sources_.get().read(line.key) : host_set{line.key};
        if (set.size() > max_nodes_of_key) {
          throw host_set_error(host_set_errc::range,
                               "\"" + line.key + "\" is more than a million nodes");
        }
        nodes.emplace(line.key, set.expand());
      }
      return true;
    } catch (const host_set_error&) {
      if (options_.interpret == clubak_options::keys::always) throw;
      return false;
    }
  }

  // Positions in names_, sorted by node.
  std::vector<std::size_t> ordered_nodes() const {
    std::vector<std::size_t> order;
    host_set::from_names(names_).for_each(
        [&](std::string_view name) { order.push_back(place_.at(std::string{name})); });
    return order;
  }

  [[nodiscard]] bool gathers() const {
    return has(clubak_options::gather | clubak_options::regroup);
  }

  std::vector<block> blocks() const {
    std::vector<block> list;
    std::map<lines, std::size_t> known;
    std::vector<std::vector<std::string>> nodes;
    for (const std::size_t i : ordered_nodes()) {
      auto at = known.end();
      if (gathers()) at = known.find(texts_[i]);
      if (at == known.end()) {
        if (gathers()) known.emplace(texts_[i], list.size());
        list.push_back({{}, list.size(), &texts_[i]});
        nodes.push_back({names_[i]});
      } else {
        nodes[at->second].push_back(names_[i]);
      }
    }
    for (std::size_t i = 0; i < list.size(); ++i) list[i].nodes = host_set::from_names(nodes[i]);
    if (!gathers()) return list;
    std::ranges::sort(list, [](const block& a, const block& b) {
      return a.nodes.size() != b.nodes.size() ? a.nodes.size() > b.nodes.size() : a.place < b.place;
    });
    return list;
  }

  std::string name_of(const host_set& nodes) {
    if (!has(clubak_options::regroup)) return shown(nodes.to_string());
    return shown(sources_.get().regroup(nodes, options_.group.shown_source()));
  }

  std::string label(const host_set& nodes) {
    std::string text = name_of(nodes);
    if (nodes.size() > 1 && !has(clubak_options::quiet))
      text += " (" + std::to_string(nodes.size()) + ")";
    return text;
  }

  std::string colored(const char* code, const std::string& text) const {
    return colors_ ? std::string{"\033["} + code + text + "\033[0m" : text;
  }

  void print_header(const host_set& nodes, const std::string& indent) {
    const std::string rule = indent + "---------------";
    out_ += colored("94m", rule + "\n" + indent + label(nodes) + "\n" + rule) + "\n";
  }

  void print_blocks() {
    for (const block& b : blocks()) {
      const std::string prefix = has(clubak_options::lines) && !has(clubak_options::no_label)
                                     ? colored("94m", name_of(b.nodes) + ": ")
                                     : "";
      if (!has(clubak_options::lines) && !has(clubak_options::no_label)) print_header(b.nodes, "");
      for (const std::string& line : *b.text) out_ += prefix + line + "\n";
    }
  }

  void print_diff() {
    const std::vector<block> list = blocks();
    for (std::size_t i = 1; i < list.size(); ++i) {
      const auto changes = line_diff(*list[0].text, *list[i].text);
      if (changes.empty()) continue;
      out_ += colored("1m", "--- " + label(list[0].nodes)) + "\n";
      out_ += colored("1m", "+++ " + label(list[i].nodes)) + "\n";
      for (const std::string& line : changes) {
        const char* code = line[0] == '@' ? "96m" : line[0] == '-' ? "91m" : "92m";
        out_ += (line[0] == ' ' ? line : colored(code, line)) + "\n";
      }
    }
  }

  // Groups nodes by the common first lines of their outputs.
  void print_tree() {
    std::vector<std::size_t> all(names_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    print_branches(all, 0, 0);
  }

  void print_branches(const std::vector<std::size_t>& nodes, std::size_t line, std::size_t level) {
    std::vector<std::pair<std::string, std::vector<std::size_t>>> branches;
    for (const std::size_t node : nodes) {
      if (line >= texts_[node].size()) continue;
      const std::string& text = texts_[node][line];
      const auto known = std::ranges::find(branches, text, [](const auto& b) { return b.first; });
      if (known == branches.end()) {
        branches.push_back({text, {node}});
      } else {
        known->second.push_back(node);
      }
    }
    // The last branch is shown first.
    for (auto branch = branches.rbegin(); branch != branches.rend(); ++branch) {
      print_branch(branch->second, line, level);
    }
  }

  void print_branch(const std::vector<std::size_t>& nodes, std::size_t line, std::size_t level) {
    std::vector<std::string> names;
    for (const std::size_t node : nodes) names.push_back(names_[node]);
    const host_set set = host_set::from_names(names);
    const std::string indent(level * 2, ' ');
    if (has(clubak_options::lines) && !has(clubak_options::no_label)) {
      out_ += colored("94m", name_of(set) + ":") + "\n";
    } else if (!has(clubak_options::no_label)) {
      print_header(set, indent);
    }
    const lines& text = texts_[nodes[0]];
    const auto same = [&](std::size_t node) {
      return line < texts_[node].size() && texts_[node][line] == text[line];
    };
    for (; line < text.size() && std::ranges::all_of(nodes, same); ++line) {
      out_ += indent + text[line] + "\n";
    }
    print_branches(nodes, line, level + 1);
  }

  const clubak_options& options_;
  group_access sources_{options_.group};
  const bool colors_ = options_.colors();
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
  std::unordered_map<std::string, std::size_t> place_;  // index of a node in the two lists
  std::vector<std::string> names_;
  std::vector<lines> texts_;
  std::string out_;
  std::size_t bad_lines_ = 0;
};

int run_or_answer(const clubak_options& options) {
  if (options.asked != command_line::question::none) {
    const bool help = options.asked == command_line::question::help;
    write_output(help ? clubak_usage + clubak_help() : "clubak of execo\n");
    return 0;
  }
  const warnings on_stderr{"clubak"};
  return clubak{options}.run();
}

}  // namespace

int clubak_main(int argc, char** argv) {
  try {
    const clubak_options options{argc, argv};
    return finish_output("clubak", run_or_answer(options));
  } catch (const usage_error& error) {
    (void)std::fprintf(stderr, "%s\n", clubak_usage);
    complain("clubak", std::string{"error: "} + error.what());
    return 2;
  } catch (const host_set_error& error) {
    complain("clubak", std::string{error_kind(error.code())} + error.what());
  } catch (const std::exception& error) {
    complain("clubak", error.what());
  }
  return finish_output("clubak", 1);
}

}  // namespace execo::cli
