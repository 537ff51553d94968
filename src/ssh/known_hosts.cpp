#include "ssh/known_hosts.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "ssh/base64.hpp"
#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view next_word(std::string_view& rest) {
  std::size_t start = std::min(rest.find_first_not_of(blanks), rest.size());
  rest.remove_prefix(start);
  std::size_t end = std::min(rest.find_first_of(blanks), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

bool is_key(std::string_view type, std::string_view key) {
  // The blob begins with its own type (RFC 4253, 6.6); a line of SSH 1 has a number instead.
  std::string blob = from_base64(key);
  if (type.empty() || blob.size() < 4 + type.size()) return false;
  auto length = static_cast<std::size_t>(static_cast<unsigned char>(blob[3])) |
                static_cast<std::size_t>(static_cast<unsigned char>(blob[2])) << 8;
  return blob[0] == 0 && blob[1] == 0 && length == type.size() &&
         std::string_view(blob).substr(4, length) == type;
}

}  // namespace

bool known_hosts::can_record(std::string_view host) noexcept {
  constexpr std::string_view with_meaning = ",*?!|#@[]";
  for (char c : host) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || with_meaning.find(c) != with_meaning.npos) return false;
  }
  return !host.empty();
}

std::string known_hosts::entry_name(std::string_view host, int port) {
  std::string name = lower_case(host);
  return port == 22 ? name : "[" + name + "]:" + std::to_string(port);
}

void known_hosts::parse(std::string_view text) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    parse_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void known_hosts::parse_line(std::string_view line) {
  std::string_view names = next_word(line);
  if (names.empty() || names[0] == '#') return;
  bool revoked = false;
  if (names[0] == '@') {
    bool of_authority = names == "@cert-authority";
    revoked = names == "@revoked";
    names = next_word(line);
    // libssh takes no host certificates, so it vouches for no host.
    if (of_authority) authorities_.push_back(lower_case(names));
    if (!revoked) return;
  }
  std::string_view type = next_word(line);
  std::string_view key = next_word(line);
  if (!is_key(type, key)) return;
  entry what{intern(type, key), revoked};
  if (names[0] == '|') {
    if (add_hashed(names, what)) ++lines_;
    return;
  }
  add_names(names, what);
  ++lines_;
}

void known_hosts::add_names(std::string_view names, entry what) {
  std::string lowered = lower_case(names);
  if (lowered.find_first_of("*?!") != lowered.npos) {
    patterns_.push_back({std::move(lowered), what});
    return;
  }
  std::string_view rest = lowered;
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find(','), rest.size());
    if (end > 0) names_.emplace(rest.substr(0, end), what);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// |1|base64 of the salt|base64 of the HMAC-SHA1 of the name
bool known_hosts::add_hashed(std::string_view text, entry what) {
  if (!text.starts_with("|1|")) return false;
  text.remove_prefix(3);
  std::size_t bar = text.find('|');
  if (bar == text.npos) return false;
  hashed_line line{from_base64(text.substr(0, bar)), {}, what};
  std::string hash = from_base64(text.substr(bar + 1));
  if (line.salt.empty() || hash.size() != line.hash.size()) return false;
  std::copy(hash.begin(), hash.end(), line.hash.begin());
  hashed_.push_back(std::move(line));
  return true;
}

std::uint32_t known_hosts::intern(std::string_view type, std::string_view key) {
  auto next = static_cast<std::uint32_t>(keys_.size());
  auto [at, fresh] = key_index_.emplace(key, next);
  if (fresh) keys_.push_back({std::string(type), std::string(key)});
  return at->second;
}

void known_hosts::add(std::string_view host, int port, std::string_view type,
                      std::string_view key) {
  names_.emplace(entry_name(host, port), entry{intern(type, key), false});
  ++lines_;
}

std::vector<known_hosts::entry> known_hosts::find(const std::string& name) const {
  std::vector<entry> found;
  auto [first, last] = names_.equal_range(name);
  for (auto at = first; at != last; ++at) found.push_back(at->second);
  for (const pattern_line& line : patterns_) {
    if (matches_pattern_list(name, line.patterns)) found.push_back(line.what);
  }
  for (const hashed_line& line : hashed_) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
    unsigned size = 0;
    (void)::HMAC(::EVP_sha1(), line.salt.data(), static_cast<int>(line.salt.size()),
                 reinterpret_cast<const unsigned char*>(name.data()), name.size(), hash.data(),
                 &size);
    if (size == line.hash.size() && std::equal(line.hash.begin(), line.hash.end(), hash.begin()))
      found.push_back(line.what);
  }
  return found;
}

known_hosts::verdict known_hosts::classify(const std::vector<entry>& entries, std::string_view type,
                                           std::string_view key) const {
  verdict v = verdict::unknown;
  for (const entry& e : entries) {
    const public_key& k = keys_[e.key];
    bool same = k.base64 == key;
    if (e.revoked) {
      if (same) return verdict::revoked;
    } else if (same) {
      v = verdict::known;
    } else if (v != verdict::known) {
      v = k.type == type || v == verdict::changed ? verdict::changed : verdict::other_type;
    }
  }
  return v;
}

known_hosts::verdict known_hosts::check(std::string_view host, int port, std::string_view type,
                                        std::string_view key) const {
  verdict v = classify(find(entry_name(host, port)), type, key);
  if (port == 22 || v == verdict::known || v == verdict::revoked) return v;
  // A plain name may confirm a key, or revoke it, but its keys are not those of another port.
  verdict plain = classify(find(entry_name(host, 22)), type, key);
  if (plain == verdict::revoked) return plain;
  return plain == verdict::known && v == verdict::unknown ? plain : v;
}

bool known_hosts::has_authority(std::string_view host, int port) const {
  return std::ranges::any_of(authorities_, [&](const std::string& patterns) {
    return matches_pattern_list(entry_name(host, port), patterns) ||
           matches_pattern_list(entry_name(host, 22), patterns);
  });
}

std::string known_hosts::key_of(std::string_view host, int port) const {
  std::vector<entry> entries = find(entry_name(host, port));
  for (const entry& plain : find(entry_name(host, 22))) entries.push_back(plain);
  for (std::string_view wanted : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                  "ecdsa-sha2-nistp521", "ssh-rsa"}) {
    for (const entry& e : entries) {
      const public_key& k = keys_[e.key];
      if (k.type == wanted && check(host, port, k.type, k.base64) == verdict::known)
        return k.type + " " + k.base64;
    }
  }
  return {};
}

std::vector<std::string_view> known_hosts::types(std::string_view host, int port) const {
  std::vector<entry> entries = find(entry_name(host, port));
  if (entries.empty() && port != 22) entries = find(entry_name(host, 22));
  std::vector<std::string_view> found;
  for (const entry& e : entries) {
    std::string_view type = keys_[e.key].type;
    if (!e.revoked && std::ranges::find(found, type) == found.end()) found.push_back(type);
  }
  return found;
}

}  // namespace execo::detail
