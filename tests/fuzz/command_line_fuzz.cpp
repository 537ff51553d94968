// Any words are a command line of `execo run`, `nodeset` or `clubak`, or a usage error of one line.
// Words that would read files or ask group sources are left out.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cli/clubak_options.hpp"
#include "cli/nodeset_options.hpp"
#include "cli/run_options.hpp"
#include "command_line/usage_error.hpp"
#include "set_bounds.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What would reach files, devices, standard input or the group sources of this machine.
bool reaches_out(std::string_view word) {
  return word == "-" || word.ends_with("=-") || word.find_first_of("/@*?") != word.npos;
}

void parse_run_words(const std::vector<std::string>& words) {
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  try {
    const auto options = execo::cli::parse_run(arguments);
    if (!options) return;
    require(options->fanout >= 1 && options->fanout <= 1'000'000);
    for (const execo::host& host : options->hosts) require(!host.to_string().empty());
    require(options->command_text().find_first_not_of(" \t\n") != std::string::npos);
  } catch (const execo::command_line::usage_error& error) {
    // The tool makes it printable; words have no newlines here, and no message adds one.
    require(std::string_view{error.what()}.find('\n') == std::string_view::npos);
  }
}

template <class Options>
void parse_words(std::string program, std::vector<std::string> words) {
  words.insert(words.begin(), std::move(program));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  try {
    const Options options{static_cast<int>(words.size()), arguments.data()};
    static_cast<void>(options);
  } catch (const execo::command_line::usage_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 1024) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
  if (execo::fuzz::set_bounds{text}.too_large(2000)) return 0;
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == '\n' || c == '\0') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (std::ranges::any_of(words, reaches_out)) return 0;
  switch (data[0] % 3) {
    case 0:
      parse_run_words(words);
      break;
    case 1:
      parse_words<execo::cli::nodeset_options>("nodeset", words);
      break;
    default:
      parse_words<execo::cli::clubak_options>("clubak", words);
      break;
  }
  return 0;
}
