#include "ssh/identity.hpp"

#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "base/read_file.hpp"
#include "ssh/base64.hpp"

namespace execo::detail {
namespace {

// libssh asks for a passphrase only when the key is encrypted.
int note_encrypted(const char*, char*, std::size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

enum class loaded { usable, missing, unusable };

constexpr std::size_t max_size = std::size_t{1} << 20;

// ssh ignores such keys, too: "bad permissions".
bool is_open_to_others(const std::string& file, std::string& problem) {
  struct stat about {};
  constexpr mode_t others = 077;
  if (::stat(file.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return false;
  if (about.st_uid != ::getuid() || (about.st_mode & others) == 0) return false;
  problem = fmt::format("is open to other users (mode {:04o}): chmod 600 {}",
                        static_cast<unsigned>(about.st_mode) & 07777U, file);
  return true;
}

// What OpenSSH writes for a key that lives in a security key: its public half and a handle. libssh
// does not know them.
bool is_security_key(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  std::size_t from = text.find(begin);
  if (from == text.npos) return false;
  text.remove_prefix(from + begin.size());
  std::string base64;
  for (char c : text.substr(0, text.find('-')))
    if (c > ' ') base64 += c;
  std::string blob = from_base64(base64);
  return blob.find("sk-ssh-ed25519@openssh.com") != blob.npos ||
         blob.find("sk-ecdsa-sha2-nistp256@openssh.com") != blob.npos;
}

// libssh 0.10 imports Ed25519 keys in PKCS#8 and can neither show nor use them.
bool can_be_used(ssh_key_struct* key) {
  ssh_key half = nullptr;
  if (ssh_pki_export_privkey_to_pubkey(key, &half) != SSH_OK) return false;
  libssh_key owned(half);
  char* base64 = nullptr;
  bool shown = ssh_pki_export_pubkey_base64(half, &base64) == SSH_OK;
  libssh_text text(base64);
  return shown;
}

loaded load(const std::string& file, libssh_key& key, std::string& problem) {
  if (is_open_to_others(file, problem)) return loaded::unusable;
  std::string text;
  file_read there = read_file(file, file_kind::regular, max_size, text, problem);
  if (there == file_read::missing) return loaded::missing;
  if (there == file_read::refused) return loaded::unusable;
  bool asked = false;
  ssh_key raw = nullptr;
  int r = ssh_pki_import_privkey_base64(text.c_str(), nullptr, note_encrypted, &asked, &raw);
  key.reset(raw);
  bool in_hardware = r != SSH_OK && is_security_key(text);
  ::explicit_bzero(text.data(), text.size());
  if (r == SSH_OK && can_be_used(key.get())) return loaded::usable;
  if (r == SSH_OK) {
    problem = "is an Ed25519 key in PKCS#8, which cannot be used; make one with ssh-keygen";
  } else if (in_hardware) {
    problem = "is a FIDO security key's, which cannot be used";
  } else {
    problem =
        asked ? "is encrypted; only keys without a passphrase can be used" : "is not a private key";
  }
  return loaded::unusable;
}

}  // namespace

identity_set::identity_set(const std::vector<std::string>& files, const ssh_caller& by) {
  libssh_key key;
  std::string problem;
  for (const std::string& given : files) {
    std::string file = by.path_of(given);
    files_.emplace_back(file, file_stamp::of(file));
    loaded r = load(file, key, problem);
    if (r != loaded::usable) {
      bool sentence = problem.starts_with("is ");
      throw std::invalid_argument("identity file " + file + (sentence ? " " : ": ") + problem);
    }
    keys_.emplace_back(file, std::move(key));
  }
  if (!files.empty()) return;
  for (std::string_view name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    std::string file = by.home() + "/.ssh/" + std::string(name);
    files_.emplace_back(file, file_stamp::of(file));
    loaded r = load(file, key, problem);
    if (r == loaded::usable) keys_.emplace_back(file, std::move(key));
    if (r == loaded::unusable) skipped_ += (skipped_.empty() ? "" : ", ") + file + ": " + problem;
  }
}

bool identity_set::is_current() const noexcept {
  return std::ranges::all_of(
      files_, [](const auto& each) { return file_stamp::of(each.first) == each.second; });
}

std::string identity_set::names() const {
  std::string text;
  for (const identity& i : keys_) text += (text.empty() ? "" : ", ") + i.file;
  if (text.empty()) text = "none";
  return skipped_.empty() ? text : text + " (left out: " + skipped_ + ")";
}

}  // namespace execo::detail
