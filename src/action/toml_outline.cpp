#include "action/toml_outline.hpp"

#include <algorithm>
#include <utility>

namespace execo::detail {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view blanks = " \t";
constexpr std::string_view begins_name =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"'";

class outline {
 public:
  explicit outline(std::string_view text) : text_(text) {
    if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  }

  std::optional<outline_error> first_error() {
    while (at_ < text_.size())
      if (const char* what = step()) return outline_error{line_, what};
    return std::nullopt;
  }

 private:
  // One character, comment, quoted text or beginning of a header.
  const char* step() {
    char c = text_[at_];
    if (c == '\n') {
      ++line_;
      ++at_;
      begins_line_ = true;
      return nullptr;
    }
    bool header = begins_line_ && depth_ == 0 && c == '[';
    if (blanks.find(c) == blanks.npos) begins_line_ = false;
    if (header) return skip_brackets();
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '"' || c == '\'') {
      skip_quoted();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return "a character that is not ASCII, outside of quotes";
    } else {
      if (c == '[' || c == '{') ++depth_;
      if ((c == ']' || c == '}') && depth_ > 0) --depth_;
      ++at_;
    }
    return nullptr;
  }

  const char* skip_brackets() {
    at_ += text_.substr(at_).starts_with("[[") ? 2 : 1;
    at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    bool named = at_ < text_.size() && begins_name.find(text_[at_]) != begins_name.npos;
    return named ? nullptr : "a table's header without a name: [ssh]";
  }

  // To behind its end; one that is left open ends with its line, or with the text.
  void skip_quoted() {
    char quote = text_[at_];
    const char all[3] = {quote, quote, quote};
    std::string_view three(all, 3);
    bool of_lines = text_.substr(at_).starts_with(three);
    at_ += of_lines ? 3 : 1;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '\n' && !of_lines) return;
      if (c == '\n') ++line_;
      bool escapes = c == '\\' && quote == '"';
      if (escapes && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      if (c != quote || (of_lines && !text_.substr(at_).starts_with(three))) continue;
      at_ += of_lines ? 3 : 1;
      // Two more may stand before the three that end it.
      for (int i = 0; of_lines && i < 2 && at_ < text_.size() && text_[at_] == quote; ++i) ++at_;
      return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t depth_ = 0;
  bool begins_line_ = true;
};

}  // namespace

std::optional<outline_error> find_outline_error(std::string_view text) {
  return outline(text).first_error();
}

}  // namespace execo::detail
