// Words of a shell: splitting without expansion, and quoting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// Splits as a POSIX shell does (XCU 2.2, 2.3): blanks, '...', "...", backslash. Nothing is
/// expanded. Throws: std::invalid_argument for a quote that is not closed.
std::vector<std::string> split_words(std::string_view text);

/// Quotes the word so that sh, bash, dash, ksh, zsh and fish read it back unchanged, csh and tcsh
/// too if it has no newline. A word that needs no quotes is not changed.
std::string quote_word(std::string_view word);

/// Whether no shell gives it a meaning, in quotes and without: letters, digits, `_@+=:,./-` alone.
bool is_inert(std::string_view text);

/// The words quoted and joined by spaces.
std::string join_quoted(const std::vector<std::string>& words);

/// A script for a POSIX sh that reaches it through any login shell: quoted words without a newline,
/// which csh cannot quote, none of them too long for csh.
class sh_script {
 public:
  /// Adds text of the script. Pre: it has no newline.
  sh_script& add(std::string_view text);
  /// Adds a word that sh reads back as it is, any bytes but NUL.
  sh_script& add_word(std::string_view word);
  /// Adds a word that is the path of the login shell, whatever the script has put into SHELL.
  sh_script& add_login_shell();
  /// The text for the login shell, which sh then replaces.
  std::string command() const;

 private:
  std::string text_;
  bool has_parameters_ = false;
};

/// The text with which any login shell runs the words, any bytes but NUL.
std::string login_shell_text(const std::vector<std::string>& words);

}  // namespace execo::detail
