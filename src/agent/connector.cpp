#include "agent/connector.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/aes_instructions.hpp"

namespace execo::agent {
namespace {

std::string user_of(const detail::work_item& host) {
  if (!host.user.empty()) return host.user;
  const char* self = std::getenv("USER");
  return self != nullptr ? self : "";
}

bool append_value(std::string& word, char token, const detail::work_item& host,
                  std::string& problem) {
  std::string value(1, token);
  if (token == 'h') value = host.name;
  if (token == 'u') value = user_of(host);
  if (token == 'p') value = std::to_string(host.port != 0 ? host.port : 22);
  if (token != '%' && token != 'h' && token != 'u' && token != 'p') {
    problem = "the connector has an unknown token";
    return false;
  }
  // No value becomes an option, whatever it is.
  if (word.empty() && value.starts_with('-')) {
    problem = "the name of a host or user begins with '-'";
    return false;
  }
  word.append(value);
  return true;
}

bool fill(std::string_view pattern, const detail::work_item& host, std::string& word,
          std::string& problem) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      word.push_back(pattern[i]);
      continue;
    }
    char token = ++i < pattern.size() ? pattern[i] : '\0';
    if (!append_value(word, token, host, problem)) return false;
  }
  return true;
}

void replace(std::string& word, std::string_view token, const std::string& value) {
  const std::size_t at = word.find(token);
  if (at != std::string::npos) word.replace(at, token.size(), value);
}

// ssh by itself prefers the one that is for processors without these instructions.
const char* cipher_first() noexcept {
  return detail::has_aes_instructions() ? "aes128-gcm@openssh.com"
                                        : "chacha20-poly1305@openssh.com";
}

}  // namespace

void set_paths(detail::connector_message& connector, const std::string& ssh_agent,
               const std::string& host_keys) {
  for (std::string& word : connector.words) {
    replace(word, "%A", ssh_agent);
    replace(word, "%K", host_keys);
    replace(word, "%C", cipher_first());
  }
}

void set_path(detail::connector_message& connector, std::string_view token,
              const std::string& path) {
  for (std::string& word : connector.words) replace(word, token, path);
}

bool has_token(const detail::connector_message& connector, std::string_view token) {
  return std::ranges::any_of(connector.words, [token](const std::string& word) {
    return word.find(token) != std::string::npos;
  });
}

std::optional<std::vector<std::string>> words_to(const detail::connector_message& connector,
                                                 const detail::work_item& host,
                                                 std::string& problem) {
  std::vector<std::string> words;
  for (const std::string& pattern : connector.words) {
    if (!fill(pattern, host, words.emplace_back(), problem)) return std::nullopt;
  }
  if (!words.empty()) return words;
  problem = "there is no connector";
  return std::nullopt;
}

}  // namespace execo::agent
