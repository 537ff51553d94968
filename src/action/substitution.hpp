// References in braces: `{{{host}}}`, `{{{index}}}`, `{{{user}}}`, `{{{port}}}`, `{{{rank}}}`,
// `{{{count}}}`, `{{{father}}}`, and `{{name}}` for names that were given values. A text is read
// once, and put together for each host.
//
// Only these are replaced; any other bytes are copied, what is replaced is not read again. A
// backslash behind the opening braces keeps a reference: `{{{\host}}}` gives `{{{host}}}`, and
// `{{{\\host}}}` gives `{{{\host}}}`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "execo/host.hpp"

namespace execo::detail {

/// What `{{name}}` is: for host i the value at i modulo their count.
class value_series {
 public:
  std::string name;
  std::vector<std::string> values;
  bool has_hosts = false;  // names of hosts are among them
};

/// Letters, digits and '_', not a digit first.
bool is_reference_name(std::string_view text);

/// What a reference refers to: one of the names, or the series with that number after them.
enum class reference : std::uint32_t { host, index, user, port, rank, count, father, first_series };

/// What references are for one host. Views of the host and the series.
class host_values {
 public:
  /// What is open is read where there are references to it.
  host_values(const host& where, std::size_t index, std::span<const value_series> series)
      : where_(where),
        index_(index),
        index_text_(std::to_string(index)),
        rank_text_(std::to_string(index + 1)),
        series_(series) {}

  std::string_view of(reference what) const;

  std::string user;
  std::string port;
  std::string count;
  std::string father;

 private:
  const host& where_;
  std::size_t index_;
  std::string index_text_;
  std::string rank_text_;  // 0 is who runs the action
  std::span<const value_series> series_;
};

/// How a value is written into the text.
enum class value_form : std::uint8_t {
  as_it_is,
  with_percent_doubled,  ///< tokens such as %h are replaced in the text later
  component,             ///< of a path: see path_component()
};

/// The value as one name in a directory, neither "." nor "..": '/', '%', control characters and a
/// dot in front are %XX. Different values are different names.
std::string path_component(std::string_view value);

class text_template {
 public:
  text_template() = default;
  text_template(std::string_view text, std::span<const value_series> series);

  /// Nothing is to be replaced.
  bool is_plain() const noexcept { return references_.empty() && !has_escape_; }
  /// It has bytes besides references.
  bool has_literal() const noexcept { return !literal_.empty(); }
  bool refers_to(reference what) const noexcept;
  std::size_t references_to(reference what) const noexcept;
  const std::string& given() const noexcept { return given_; }
  /// The references in their order.
  template <class Visit>
  void visit(Visit&& visit) const {
    for (const place& one : references_) visit(one.what);
  }

  std::string text_for(const host_values& values, value_form form = value_form::as_it_is) const;

 private:
  struct place {
    std::size_t at;  // in the literal text
    reference what;
  };

  std::string given_;
  std::string literal_;  // without references
  std::vector<place> references_;
  bool has_escape_ = false;
};

}  // namespace execo::detail
