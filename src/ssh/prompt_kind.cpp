#include "ssh/prompt_kind.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace execo::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n";

// In lower case, without blanks around it and without the colon.
std::string plain(std::string_view text) {
  std::size_t first = std::min(text.find_first_not_of(blanks), text.size());
  text.remove_prefix(first);
  text = text.substr(0, text.find_last_not_of(" \t\r\n:?") + 1);
  std::string made(text);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (text.empty()) return words;
    words.push_back(text.substr(0, text.find_first_of(blanks)));
    text.remove_prefix(words.back().size());
  }
}

// "Password: " as Linux-PAM has it in other languages.
constexpr auto translated =
    std::to_array<std::string_view>({"passwort",    "mot de passe", "mot de passe\xc2\xa0",
                                     "contraseña",  "senha",        "password di accesso",
                                     "wachtwoord",  "hasło",        "Пароль",
                                     "пароль",      "heslo",        "jelszó",
                                     "parola",      "lösenord",     "salasana",
                                     "adgangskode", "passord",      "パスワード",
                                     "密码",        "密碼",         "密码：",
                                     "암호"});

// Words before "password" that do not change what is asked for.
constexpr auto harmless = std::to_array<std::string_view>(
    {"unix", "ldap", "login", "account", "domain", "windows", "kerberos", "enter", "your", "please",
     "system", "local", "user"});

constexpr auto changing =
    std::to_array<std::string_view>({"new", "current", "(current)", "old", "retype", "re-enter",
                                     "again", "change", "confirm", "repeat", "expired"});

bool is_password(const std::vector<std::string_view>& words) {
  auto at = std::ranges::find(words, "password");
  if (at == words.end()) return false;
  bool plain_before = std::all_of(words.begin(), at, [](std::string_view word) {
    return word.ends_with("'s") || std::ranges::find(harmless, word) != harmless.end();
  });
  // "Password for ops@n1": of Kerberos and of FreeBSD.
  auto rest = static_cast<std::size_t>(words.end() - at) - 1;
  bool plain_after = rest == 0 || (rest == 2 && at[1] == "for");
  return plain_before && plain_after;
}

}  // namespace

prompt_kind kind_of_prompt(std::string_view text) {
  std::string all = plain(text);
  if (std::ranges::find(translated, all) != translated.end()) return prompt_kind::password;
  std::vector<std::string_view> words = words_of(all);
  bool speaks_of_it = all.find("password") != all.npos;
  bool changes = std::ranges::any_of(words, [](std::string_view word) {
    return std::ranges::find(changing, word) != changing.end();
  });
  if (speaks_of_it && changes) return prompt_kind::new_password;
  return is_password(words) ? prompt_kind::password : prompt_kind::other;
}

}  // namespace execo::detail
