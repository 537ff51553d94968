// How the hosts of an action are given: as the text of a set, as a set, as one host, in braces, or
// in a range of hosts or of texts.
#pragma once

#include <concepts>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/detail/words.hpp"
#include "execo/host.hpp"
#include "execo/host_set.hpp"

namespace execo::detail {

template <class T>
concept host_like = text_like<T> || std::same_as<T, host>;

template <class R>
concept host_range = !text_like<R> && requires(const R& range) {
  { *std::begin(range) } -> std::convertible_to<const host&>;
  std::end(range);
};

/// Hosts in order. In a list each text is one host, or the text of a set when it has brackets or
/// commas or begins with '@'.
class host_arguments {
 public:
  template <text_like Text>
  host_arguments(const Text& set)  // NOLINT(google-explicit-constructor)
      : host_arguments(host_set(std::string_view(set))) {}
  host_arguments(const host_set& set);     // NOLINT(google-explicit-constructor)
  host_arguments(const host& one);         // NOLINT(google-explicit-constructor)
  host_arguments(std::vector<host> list);  // NOLINT(google-explicit-constructor)
  template <host_like... Host>
  requires(sizeof...(Host) > 1) host_arguments(const Host&... each) { (add(each), ...); }
  template <host_range Range>
  host_arguments(const Range& range) {  // NOLINT(google-explicit-constructor)
    for (const auto& each : range) add(each);
  }

  std::vector<host> take() && noexcept { return std::move(list_); }

 private:
  void add(const host& one);
  void add_text(std::string_view text);
  template <text_like Text>
  void add(const Text& text) {
    add_text(std::string_view(text));
  }

  std::vector<host> list_;
};

}  // namespace execo::detail
