// How words are given: as text, one after the other, in braces, or in a range.
//
// Neither takes its text as a std::string_view, which would make a view from the first to the
// second pointer out of two words in braces; nor as a std::initializer_list, which GCC 12 refuses
// inside an expression with co_await.
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

template <class T>
concept text_like = std::convertible_to<const T&, std::string_view>;

/// A vector, array, list or span of texts.
template <class R>
concept word_range = !text_like<R> && requires(const R& range) {
  { *std::begin(range) } -> std::convertible_to<std::string_view>;
  std::end(range);
};

/// One text, for a parameter.
class text_view {
 public:
  template <text_like T>
  text_view(const T& text) noexcept  // NOLINT(google-explicit-constructor)
      : view_(text) {}
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return view_;
  }

 private:
  std::string_view view_;
};

/// Words, each as it is.
class word_list {
 public:
  template <text_like... Word>
  word_list(const Word&... word) {  // NOLINT(google-explicit-constructor)
    words_.reserve(sizeof...(Word));
    (words_.emplace_back(std::string_view(word)), ...);
  }
  template <word_range Range>
  word_list(const Range& range) {  // NOLINT(google-explicit-constructor)
    for (const auto& word : range) words_.emplace_back(std::string_view(word));
  }
  word_list(std::vector<std::string> words) noexcept  // NOLINT(google-explicit-constructor)
      : words_(std::move(words)) {}

  std::vector<std::string> take() && noexcept { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

}  // namespace execo::detail
