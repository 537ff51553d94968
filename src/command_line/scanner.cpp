#include "command_line/scanner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace execo::command_line {
namespace {

// Levenshtein's distance: a mistyped option is near the one that was meant.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

class scanner {
 public:
  scanner(const spec_list& known, std::span<const char* const> arguments, habits how)
      : known_(known), arguments_(arguments), how_(how) {}

  scanned_arguments scan() {
    while (next_ < arguments_.size()) {
      std::string_view word = arguments_[next_];
      bool looks_like_option = word.size() > 1 && word.front() == '-';
      if (!looks_like_option && how_ == habits::command) break;
      ++next_;
      if (word == "--") {
        found_.separated = true;
        break;
      }
      if (!looks_like_option) {
        add_word(word);
      } else if (word.starts_with("--")) {
        long_option(word);
      } else {
        letters(word.substr(1));
      }
    }
    while (next_ < arguments_.size()) add_word(arguments_[next_++]);
    return std::move(found_);
  }

 private:
  void long_option(std::string_view word) {
    std::size_t equals = word.find('=');
    std::string_view name = word.substr(2, equals == word.npos ? word.npos : equals - 2);
    const option_spec& spec = find_word(name);
    std::string spelled = fmt::format("--{}", spec.word);
    if (equals != word.npos) {
      if (spec.value.empty()) throw usage_error(spelled + " takes no value: leave out '='");
      std::string_view value = word.substr(equals + 1);
      if (value.empty() && !spec.needs_value())
        throw usage_error(spelled + "= has an empty value: leave out '='");
      add(spec, spelled, value);
    } else {
      add(spec, spelled, spec.needs_value() ? next_value(spec, spelled) : std::string_view());
    }
  }

  // One letter, or several without values, the last of which may take one: -b, -bf100, -w SET.
  void letters(std::string_view rest) {
    while (!rest.empty()) {
      char letter = rest.front();
      rest.remove_prefix(1);
      auto spec = std::ranges::find(known_, letter, &option_spec::letter);
      std::string spelled = fmt::format("-{}", letter);
      if (letter == '\0' || spec == known_.end()) unknown(spelled, {});
      if ((*spec)->value.empty()) {
        add(**spec, spelled, {});
      } else {
        add(**spec, spelled, rest.empty() ? next_value(**spec, spelled) : rest);
        return;
      }
    }
  }

  const option_spec& find_word(std::string_view name) const {
    auto exact = std::ranges::find(known_, name, &option_spec::word);
    if (!name.empty() && exact != known_.end()) return **exact;
    spec_list begun;
    if (!name.empty() && how_ == habits::operands)
      std::ranges::copy_if(known_, std::back_inserter(begun),
                           [&](const option_spec* spec) { return spec->word.starts_with(name); });
    if (begun.empty()) unknown(fmt::format("--{}", name), name);
    if (begun.size() > 1) ambiguous(name, begun);
    return *begun[0];
  }

  std::string_view next_value(const option_spec& spec, const std::string& spelled) {
    if (next_ == arguments_.size())
      throw usage_error(fmt::format("{} needs a value: {} {}", spelled, spelled, spec.value));
    std::string_view value = arguments_[next_];
    if (how_ == habits::command && value.size() > 1 && value.front() == '-')
      throw usage_error(fmt::format("{} needs a value, and '{}' looks like an option: {} {}",
                                    spelled, value, spelled, spec.value));
    ++next_;
    return value;
  }

  void add(const option_spec& spec, std::string spelled, std::string_view value) {
    found_.given.push_back({&spec, std::move(spelled), value});
  }

  void add_word(std::string_view word) {
    auto operand = std::ranges::find_if(known_, &option_spec::is_operand);
    if (operand == known_.end()) {
      found_.words.push_back(word);
    } else {
      add(**operand, std::string((*operand)->value), word);
    }
  }

  [[noreturn]] static void ambiguous(std::string_view name, const spec_list& begun) {
    std::string words;
    for (const option_spec* spec : begun)
      words += fmt::format("{}--{}", words.empty() ? "" : ", ", spec->word);
    throw usage_error(fmt::format("option --{} is ambiguous: {}", name, words));
  }

  [[noreturn]] void unknown(const std::string& spelled, std::string_view name) const {
    std::string meant;
    std::size_t best = 3;
    for (const option_spec* spec : known_) {
      if (name.empty() || spec->word.empty()) continue;
      std::size_t d = distance(name, spec->word);
      if (d < best) {
        best = d;
        meant = fmt::format("did you mean --{}? ", spec->word);
      }
    }
    throw usage_error(
        fmt::format("unknown option {}: {}`--help` lists the options", spelled, meant));
  }

  const spec_list& known_;
  std::span<const char* const> arguments_;
  habits how_;
  std::size_t next_ = 0;
  scanned_arguments found_;
};

std::string spellings(const option_spec& spec) {
  if (spec.is_operand()) return std::string(spec.value);
  std::string text = spec.letter != 0 ? fmt::format("-{}", spec.letter) : "    ";
  if (!spec.word.empty()) text += fmt::format("{}--{}", spec.letter != 0 ? ", " : "", spec.word);
  if (!spec.value.empty()) text += fmt::format("{}{}", spec.needs_value() ? " " : "", spec.value);
  return text;
}

std::string help_of(const option_spec& spec) {
  constexpr std::size_t indent = 32;
  constexpr std::size_t width = 80;
  std::string text;
  std::string line = "  " + spellings(spec);
  if (line.size() + 2 > indent) {
    text = line + "\n";
    line.clear();
  }
  line.resize(indent, ' ');
  std::string_view rest = spec.help;
  while (!rest.empty()) {
    std::size_t room = width - indent;
    std::size_t cut = rest.size() <= room ? rest.size() : rest.rfind(' ', room);
    if (cut == rest.npos) cut = rest.size();
    text += fmt::format("{}{}\n", line, rest.substr(0, cut));
    rest.remove_prefix(std::min(rest.size(), cut + 1));
    line.assign(indent, ' ');
  }
  return text;
}

}  // namespace

scanned_arguments scan_arguments(const spec_list& known, std::span<const char* const> arguments,
                                 habits how) {
  return scanner(known, arguments, how).scan();
}

std::string option_help(const spec_list& known) {
  std::string text;
  for (const option_spec* spec : known)
    text +=
        spec->is_option() || spec->is_operand() ? help_of(*spec) : fmt::format("{}\n", spec->help);
  return text;
}

}  // namespace execo::command_line
