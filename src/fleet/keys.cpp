#include "fleet/keys.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <vector>

#include "command_line/standard_streams.hpp"
#include "fleet/faults.hpp"

namespace execo::fleet {

namespace {

std::string take(char* text) {
  std::string copy = text == nullptr ? "" : text;
  ssh_string_free_char(text);
  return copy;
}

std::string base64_blob(ssh_key key) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return {};
  return take(text);
}

std::string sha256_fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) return {};
  std::string text = take(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length));
  ssh_clean_pubkey_hash(&hash);
  return text;
}

/// Words as sshd splits them: blanks within double quotes do not separate.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (char c : line) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ' ' || c == '\t' || c == '\r')) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

}  // namespace

host_key::host_key(const std::string& path) {
  ssh_key key = nullptr;
  if (path.empty()) {
    if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK)
      throw std::runtime_error("cannot make an ed25519 host key");
  } else {
    auto no_passphrase = [](const char*, char*, std::size_t, int, int, void*) { return -1; };
    if (ssh_pki_import_privkey_file(path.c_str(), nullptr, no_passphrase, nullptr, &key) != SSH_OK)
      throw usage_error("--host-key '" + path + "': not a readable private key without passphrase");
  }
  key_.reset(key);
  fingerprint_ = sha256_fingerprint(key);
  public_line_ = std::string(ssh_key_type_to_char(ssh_key_type(key))) + " " + base64_blob(key);
}

authorized_keys::authorized_keys(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw usage_error("--authorized-keys '" + path + "': " + std::strerror(errno));
  int skipped = 0, first_skipped = 0;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#' || add_line(line)) continue;
    if (skipped++ == 0) first_skipped = number;
  }
  if (blobs_.empty()) throw usage_error("--authorized-keys '" + path + "': has no public key");
  if (skipped > 0)
    command_line::complain("execo-fleet", path + ": " + std::to_string(skipped) +
                                              " lines are not public keys, the first is line " +
                                              std::to_string(first_skipped));
}

bool authorized_keys::add_line(const std::string& line) {
  std::vector<std::string> words = words_of(line);
  for (std::size_t i = 0; i + 1 < words.size() && i < 2; ++i) {  // options are at most one word
    ssh_keytypes_e type = ssh_key_type_from_name(words[i].c_str());
    if (type == SSH_KEYTYPE_UNKNOWN) continue;
    ssh_key key = nullptr;
    if (ssh_pki_import_pubkey_base64(words[i + 1].c_str(), type, &key) != SSH_OK) return false;
    key_ptr owned(key);
    blobs_.insert(base64_blob(key));
    return true;
  }
  return false;
}

bool authorized_keys::contains(ssh_key key) const { return blobs_.contains(base64_blob(key)); }

}  // namespace execo::fleet
