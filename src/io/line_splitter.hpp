// Cuts a byte stream into lines. Holds at most one unfinished line, and at most `longest` of that.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace execo::detail {

class line_splitter {
 public:
  static constexpr std::size_t longest = 64 * 1024;

  /// Calls `deliver(text, complete)` for each line, without its LF or CR LF. A line longer than
  /// `longest` comes in incomplete pieces.
  template <class Deliver>
  void feed(std::span<const char> bytes, Deliver&& deliver) {
    std::string_view rest(bytes.data(), bytes.size());
    while (!rest.empty()) {
      std::size_t end = rest.find('\n');
      std::string_view part = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      while (held_.size() + part.size() > longest) {
        std::size_t taken = longest - held_.size();
        held_.append(part.substr(0, taken));
        part.remove_prefix(taken);
        deliver(std::string_view(held_), false);
        held_.clear();
      }
      if (end == std::string_view::npos) {
        held_.append(part);
      } else if (held_.empty()) {
        deliver(without_return(part), true);
      } else {
        held_.append(part);
        deliver(without_return(held_), true);
        held_.clear();
      }
    }
  }

  /// The end of the stream: what is left, if anything, is an incomplete line.
  template <class Deliver>
  void finish(Deliver&& deliver) {
    if (!held_.empty()) deliver(std::string_view(held_), false);
    held_ = std::string();
  }

 private:
  static std::string_view without_return(std::string_view line) noexcept {
    return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
  }

  std::string held_;
};

}  // namespace execo::detail
