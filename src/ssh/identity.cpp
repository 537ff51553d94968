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
#include "ssh/key_blob.hpp"

namespace execo::detail {
namespace {

// libssh asks for a passphrase only when the key is encrypted.
int note_encrypted(const char*, char*, std::size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

libssh_key key_in(const std::string& text, bool& asked) {
  ssh_key raw = nullptr;
  (void)ssh_pki_import_privkey_base64(text.c_str(), nullptr, note_encrypted, &asked, &raw);
  return libssh_key(raw);
}

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

// libssh 0.10 imports Ed25519 keys in PKCS#8 and can neither show nor use them: they are empty
// here.
std::string public_half(ssh_key_struct* key) {
  ssh_key half = nullptr;
  if (ssh_pki_export_privkey_to_pubkey(key, &half) != SSH_OK) return {};
  libssh_key owned(half);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(half, &base64) != SSH_OK) return {};
  libssh_text text(base64);
  return from_base64(text.get());
}

/// The text of a private key file, wiped when it is not needed any more.
class key_text {
 public:
  key_text() = default;
  key_text(const key_text&) = delete;
  key_text& operator=(const key_text&) = delete;
  ~key_text() { ::explicit_bzero(text.data(), text.size()); }
  std::string text;
};

key_file load(const std::string& file, const std::string& text, identity& made,
              std::string& problem) {
  bool asked = false;
  made.key = key_in(text, asked);
  bool imported = made.key != nullptr;
  if (imported) made.blob = public_half(made.key.get());
  if (!made.blob.empty()) {
    made.file = file;
    return key_file::usable;
  }
  if (imported) {
    problem = "is an Ed25519 key in PKCS#8, which cannot be used; make one with ssh-keygen";
  } else if (is_security_key(text)) {
    problem = "is a FIDO security key's, which cannot be used";
  } else {
    problem =
        asked ? "is encrypted; only keys without a passphrase can be used" : "is not a private key";
  }
  return key_file::unusable;
}

key_file read_key_file(const std::string& file, std::string& text, std::string& problem) {
  if (is_open_to_others(file, problem)) return key_file::unusable;
  file_read there = read_file(file, file_kind::regular, max_size, text, problem);
  if (there == file_read::missing) return key_file::missing;
  return there == file_read::whole ? key_file::usable : key_file::unusable;
}

key_file read_certificate(const std::string& file, std::string& blob, std::string& problem) {
  std::string text;
  file_read there = read_file(file, file_kind::regular, max_size, text, problem);
  if (there == file_read::missing) return key_file::missing;
  if (there == file_read::refused) return key_file::unusable;
  blob = key_in_text(text);
  if (is_certificate(blob) && !plain_key_of(blob).empty()) return key_file::usable;
  problem = "is not a certificate";
  return key_file::unusable;
}

// A private key has one certificate in libssh: each certificate needs a copy of the key.
bool certify(const std::string& text, const std::string& blob, libssh_key& key) {
  bool asked = false;
  key = key_in(text, asked);
  ssh_key raw = nullptr;
  std::string type(type_of_key(blob));
  int r = ssh_pki_import_cert_base64(to_base64(blob).c_str(), ssh_key_type_from_name(type.c_str()),
                                     &raw);
  libssh_key certificate(raw);
  return r == SSH_OK && key && ssh_pki_copy_cert_to_privkey(certificate.get(), key.get()) == SSH_OK;
}

[[noreturn]] void refuse(const std::string& what, const std::string& problem) {
  throw std::invalid_argument(what + (problem.starts_with("is ") ? " " : ": ") + problem);
}

}  // namespace

identity_set::identity_set(const std::vector<std::string>& files,
                           const std::vector<std::string>& certificates, const ssh_caller& by) {
  std::vector<certificate> given;
  std::string problem;
  for (const std::string& name : certificates) {
    certificate c;
    c.file = by.path_of(name);
    watch(c.file);
    if (read_certificate(c.file, c.blob, problem) != key_file::usable)
      refuse("certificate file " + c.file, problem);
    given.push_back(std::move(c));
  }
  for (const std::string& name : files) {
    std::string file = by.path_of(name);
    if (add(file, given, problem) != key_file::usable) refuse("identity file " + file, problem);
  }
  if (files.empty()) add_usual(by.home() + "/.ssh/", given);
  for (const certificate& c : given)
    if (!c.used) leave_out(c.file, "is for none of the keys");
  for (identity& plain : plain_) keys_.push_back(std::move(plain));
  plain_.clear();
}

void identity_set::add_usual(const std::string& folder, std::vector<certificate>& given) {
  std::string problem;
  for (std::string_view name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    std::string file = folder + std::string(name);
    if (add(file, given, problem) == key_file::unusable) leave_out(file, problem);
  }
}

key_file identity_set::add(const std::string& file, std::vector<certificate>& given,
                           std::string& problem) {
  watch(file);
  key_text read;
  key_file r = read_key_file(file, read.text, problem);
  identity made;
  if (r == key_file::usable) r = load(file, read.text, made, problem);
  if (r != key_file::usable) return r;
  for (certificate& c : given) {
    if (plain_key_of(c.blob) != made.blob) continue;
    c.used = true;
    add_certified(read.text, c);
  }
  certificate beside;
  beside.file = file + "-cert.pub";
  watch(beside.file);
  std::string why;
  key_file found = read_certificate(beside.file, beside.blob, why);
  if (found == key_file::usable && plain_key_of(beside.blob) != made.blob) {
    found = key_file::unusable;
    why = "is for another key";
  }
  if (found == key_file::usable) add_certified(read.text, beside);
  if (found == key_file::unusable) leave_out(beside.file, why);
  plain_.push_back(std::move(made));
  return key_file::usable;
}

// Certificates go first: a server that takes one may not know the key.
void identity_set::add_certified(const std::string& text, const certificate& by) {
  auto same = [&by](const identity& known) { return known.blob == by.blob; };
  if (std::ranges::any_of(keys_, same)) return;
  identity made;
  if (!certify(text, by.blob, made.key)) return leave_out(by.file, "is of an unknown kind");
  made.file = by.file;
  made.blob = by.blob;
  keys_.push_back(std::move(made));
}

void identity_set::watch(const std::string& file) {
  files_.emplace_back(file, file_stamp::of(file));
}

void identity_set::leave_out(const std::string& file, const std::string& problem) {
  skipped_ += (skipped_.empty() ? "" : ", ") + file + ": " + problem;
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
