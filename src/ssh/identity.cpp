#include "ssh/identity.hpp"

#include <string.h>

#include <stdexcept>
#include <string_view>

#include "ssh/host_key_store.hpp"

namespace execo::detail {
namespace {

// libssh asks for a passphrase only when the key is encrypted.
int note_encrypted(const char*, char*, std::size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

enum class loaded { usable, missing, encrypted, broken };

loaded load(const std::string& file, libssh_key& key, std::string& problem) {
  std::string text;
  std::error_code why;
  if (!read_file(file, text, why)) {
    problem = why.message();
    return why == std::errc::no_such_file_or_directory ? loaded::missing : loaded::broken;
  }
  bool asked = false;
  ssh_key raw = nullptr;
  int r = ssh_pki_import_privkey_base64(text.c_str(), nullptr, note_encrypted, &asked, &raw);
  key.reset(raw);
  ::explicit_bzero(text.data(), text.size());
  if (r == SSH_OK) return loaded::usable;
  problem =
      asked ? "is encrypted; only keys without a passphrase can be used" : "is not a private key";
  return asked ? loaded::encrypted : loaded::broken;
}

}  // namespace

identity_set::identity_set(const std::vector<std::string>& files) {
  libssh_key key;
  std::string problem;
  for (const std::string& given : files) {
    std::string file = expand_home(given);
    loaded r = load(file, key, problem);
    if (r != loaded::usable) {
      bool sentence = problem.starts_with("is ");
      throw std::invalid_argument("identity file " + file + (sentence ? " " : ": ") + problem);
    }
    keys_.emplace_back(file, std::move(key));
  }
  if (!files.empty()) return;
  for (std::string_view name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    std::string file = home_directory() + "/.ssh/" + std::string(name);
    loaded r = load(file, key, problem);
    if (r == loaded::usable) keys_.emplace_back(file, std::move(key));
    if (r == loaded::encrypted || r == loaded::broken)
      skipped_ += (skipped_.empty() ? "" : ", ") + file + ": " + problem;
  }
}

std::string identity_set::names() const {
  std::string text;
  for (const identity& i : keys_) text += (text.empty() ? "" : ", ") + i.file;
  if (text.empty()) text = "none";
  return skipped_.empty() ? text : text + " (left out: " + skipped_ + ")";
}

}  // namespace execo::detail
