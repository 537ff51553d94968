#include "ssh/config_tokens.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/user_database.hpp"
#include "execo/printable.hpp"
#include "ssh/config_values.hpp"

namespace execo::detail {
namespace {

// ~/x is in our home, ~name/x in that of another user.
std::string without_tilde(std::string_view text, const std::string& home) {
  if (!text.starts_with('~')) return std::string(text);
  std::size_t end = std::min(text.find('/'), text.size());
  std::string_view rest = text.substr(end);
  if (end == 1) return home + std::string(rest);
  int error = 0;
  std::optional<user_entry> other = find_user(std::string(text.substr(1, end - 1)), error);
  if (!other) throw config_value_error(fmt::format("'{}': there is no such user", printable(text)));
  return other->home + std::string(rest);
}

}  // namespace

std::string config_tokens::connection() const {
  std::string text = local_host + host + port + user;
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned length = 0;
  if (::EVP_Digest(text.data(), text.size(), hash.data(), &length, ::EVP_sha1(), nullptr) != 1)
    throw config_value_error("%C: this OpenSSL has no SHA-1");
  std::string shown;
  for (unsigned i = 0; i < length; ++i) shown += fmt::format("{:02x}", hash[i]);
  return shown;
}

std::string config_tokens::value_of(char token) const {
  switch (token) {
    case 'C':
      return connection();
    case 'L':
      return local_host.substr(0, local_host.find('.'));
    case 'd':
      return home;
    case 'h':
      return host;
    case 'i':
      return local_id;
    case 'k':
      return key_alias;
    case 'l':
      return local_host;
    case 'n':
      return given_host;
    case 'p':
      return port;
    case 'r':
      return user;
    case 'u':
      return local_user;
    case 'T':
      return "NONE";
    default:
      return {};
  }
}

std::string config_tokens::expanded(std::string_view text, std::string_view allowed) const {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    char token = ++i < text.size() ? text[i] : '\0';
    if (token == '%') {
      result += '%';
    } else if (token != '\0' && allowed.find(token) != allowed.npos) {
      result += value_of(token);
    } else {
      throw config_value_error(
          fmt::format("'{}': %{} has no meaning here; write %% for %", printable(text),
                      token == '\0' ? std::string() : printable(std::string(1, token))));
    }
  }
  return result;
}

std::string config_tokens::expanded_path(std::string_view text) const {
  return expanded(with_variables(without_tilde(text, home), variables), all_config_tokens);
}

std::string with_variables(std::string_view text, const variable_list* variables) {
  std::string result;
  while (true) {
    std::size_t start = text.find("${");
    result += text.substr(0, start);
    if (start == text.npos) return result;
    std::size_t end = text.find('}', start);
    if (end == text.npos)
      throw config_value_error(fmt::format("'{}': ${{ has no }}", printable(text)));
    std::string_view name = text.substr(start + 2, end - start - 2);
    std::optional<std::string_view> value;
    if (variables != nullptr) value = variables->find(name);
    if (!value)
      throw config_value_error(
          fmt::format("${{{}}}: the environment has no such variable", printable(name)));
    result += *value;
    text.remove_prefix(end + 1);
  }
}

}  // namespace execo::detail
