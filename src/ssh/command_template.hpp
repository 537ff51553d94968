// A connector: the words of a program that takes a command to a host, with tokens for the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// What the tokens stand for: %h, %p, %u, %n.
class token_values {
 public:
  std::string host;
  int port = 22;
  std::string user;
  std::size_t rank = 0;  // the host's place in its action
};

/// Which tokens may stand for anything: no shell reads the text, or one does.
enum class token_reader : std::uint8_t { program, shell };

/// Replaces %h, %p, %u, %n, and %% by %. Nothing if that cannot be done: then `problem` says why.
/// For a shell a value with a character that shells give a meaning to is refused.
std::optional<std::string> expand_tokens(std::string_view text, const token_values& values,
                                         token_reader by, std::string& problem);

/// A shell of this machine in place of each host.
inline constexpr std::string_view local_connector = "local";

class command_template {
 public:
  enum class form : std::uint8_t {
    one_word,  ///< its last word is the command's text
    argv,      ///< its last words are `sh -c TEXT`
    exec,      ///< there is no program: the command itself runs here
  };

  /// "rsh %h", "docker exec -i %h", "argv:unshare -r", "exec:", "local". Split as a shell splits
  /// words; no shell reads it.
  /// Throws: std::invalid_argument for a quote that is not closed, an unknown token or no word.
  explicit command_template(std::string_view text);

  form how() const noexcept { return how_; }
  /// Signals of the program reach the command: they are processes of this machine.
  bool passes_signals() const noexcept;
  /// What another machine may do the same by: the words with their tokens, in front of the text
  /// that a shell there reads. Nothing if they have %n, which is known here alone, or none.
  std::optional<std::vector<std::string>> pattern() const;
  /// The words in front of the command. A value never becomes an option: nothing if a word began
  /// with '-' only then; `problem` says why.
  std::optional<std::vector<std::string>> words(const token_values& values,
                                                std::string& problem) const;

 private:
  std::string_view program() const noexcept;

  form how_ = form::one_word;
  std::vector<std::string> words_;
};

}  // namespace execo::detail
