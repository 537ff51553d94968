// Commands are written by people who mean shells, awk, Go templates and JSON by their braces:
// whatever the text, only references that are known are replaced, and a value is one word and one
// name in a path.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "action/substitution.hpp"
#include "base/shell_words.hpp"

namespace {

namespace detail = execo::detail;
using detail::value_form;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<detail::value_series> one_series(std::string_view value) {
  std::vector<detail::value_series> series(1);
  series[0].name = "x";
  series[0].values.emplace_back(value);
  return series;
}

// Each reference is replaced by itself.
void check_text(const std::string& text) {
  const execo::host where("{{{host}}}");
  const std::vector<detail::value_series> series = one_series("{{x}}");
  detail::host_values values(where, 0, series);
  values.user = "{{{user}}}";
  values.port = "{{{port}}}";
  values.count = "{{{count}}}";
  values.father = "{{{father}}}";
  const detail::text_template read(text, series);
  require(read.given() == text);
  const bool has_index =
      read.refers_to(detail::reference::index) || read.refers_to(detail::reference::rank);
  const bool has_escape = text.find("{{\\") != text.npos;
  const std::string made = read.text_for(values);
  if (!has_index && !has_escape) require(made == text);
  if (read.is_plain()) require(made == text);
  if (!has_index) require(made.size() <= text.size());
}

int value_of(char digit) { return digit <= '9' ? digit - '0' : digit - 'A' + 10; }

std::string decoded(std::string_view name) {
  std::string value;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      value += name[i];
      continue;
    }
    require(i + 2 < name.size());
    value += static_cast<char>(value_of(name[i + 1]) * 16 + value_of(name[i + 2]));
    i += 2;
  }
  return value;
}

void check_value(const std::string& value) {
  const std::string name = detail::path_component(value);
  require(name.find('/') == name.npos && !name.starts_with('.'));
  for (char c : name) require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  require(decoded(name) == value);

  const execo::host where("h");
  const std::vector<detail::value_series> series = one_series(value);
  const detail::host_values values(where, 7, series);
  require(detail::text_template("a{{x}}b", series).text_for(values) == "a" + value + "b");
  require(detail::text_template("d/{{x}}.log", series).text_for(values, value_form::component) ==
          "d/" + name + ".log");
  const std::string word = detail::text_template("{{x}}", series).text_for(values);
  require(detail::split_words(detail::quote_word(word)) == std::vector<std::string>{value});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  check_value(text);
  return 0;
}
