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
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

// libssh asks for a passphrase only when the key is encrypted.
int note_encrypted(const char*, char*, std::size_t, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

libssh_key key_in(const std::string& text, bool& asked, const char* passphrase = nullptr) {
  ssh_key raw = nullptr;
  (void)ssh_pki_import_privkey_base64(text.c_str(), passphrase, note_encrypted, &asked, &raw);
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

// The public half is not encrypted in what OpenSSH writes (PROTOCOL.key); that of a key in a
// security key is all there is, besides a handle. Empty: it is something else.
std::string public_half_in(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  std::size_t from = text.find(begin);
  if (from == text.npos) return {};
  text.remove_prefix(from + begin.size());
  std::string base64;
  for (char c : text.substr(0, text.find('-')))
    if (c > ' ') base64 += c;
  std::string whole = from_base64(base64);
  if (!whole.starts_with(magic)) return {};
  ssh_reader fields(std::string_view(whole).substr(magic.size()));
  for (int i = 0; i < 3; ++i) (void)fields.text();  // cipher, KDF, its options
  (void)fields.number();
  std::string half(fields.text());
  ::explicit_bzero(whole.data(), whole.size());
  ::explicit_bzero(base64.data(), base64.size());
  return half;
}

bool is_of_security_key(std::string_view blob) { return type_of_key(blob).starts_with("sk-"); }

/// The text of a private key file, wiped when it is not needed any more.
class key_text {
 public:
  key_text() = default;
  key_text(const key_text&) = delete;
  key_text& operator=(const key_text&) = delete;
  ~key_text() { ::explicit_bzero(text.data(), text.size()); }
  std::string text;
};

// Why there is no private key.
std::string describe_unusable(bool imported, bool asked, const std::string& half) {
  if (imported)
    return "is an Ed25519 key in PKCS#8, which cannot be used; make one with ssh-keygen";
  if (is_of_security_key(half)) return "is a FIDO security key's, which only an agent can use";
  if (asked) return "is encrypted; add it to an ssh agent with ssh-add";
  return half.empty() ? "is not a private key" : "is a public key, which only an agent can use";
}

// The private key, or at least its public half.
identity load(const std::string& file, const std::string& text) {
  identity made;
  made.file = file;
  bool asked = false;
  made.key = key_in(text, asked);
  if (made.key) made.blob = public_half_of(made.key.get());
  if (!made.blob.empty()) return made;
  made.blob = public_half_in(text);
  if (made.blob.empty()) made.blob = key_in_text(text);
  made.problem = describe_unusable(made.key != nullptr, asked, made.blob);
  if (asked && !is_of_security_key(made.blob)) made.locked = file;
  made.key.reset();
  return made;
}

std::string key_beside(const std::string& file) {
  std::string text;
  std::string problem;
  bool there =
      read_file(file + ".pub", file_kind::regular, max_size, text, problem) == file_read::whole;
  return there ? key_in_text(text) : std::string();
}

key_file read_key_file(const std::string& file, std::string& text, std::string& problem) {
  file_read there = read_file(file, file_kind::regular, max_size, text, problem);
  if (there == file_read::missing) return key_file::missing;
  if (there == file_read::refused) return key_file::unusable;
  bool is_public = !key_in_text(text).empty();
  return !is_public && is_open_to_others(file, problem) ? key_file::unusable : key_file::usable;
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

// A private key has one certificate in libssh.
bool certify(const std::string& blob, libssh_key& key) {
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

libssh_key unlock_key(const std::string& text, const char* passphrase,
                      const std::string& certificate) {
  bool asked = false;
  libssh_key key = key_in(text, asked, passphrase);
  if (key && is_certificate(certificate) && !certify(certificate, key)) key.reset();
  return key;
}

// libssh 0.10 imports Ed25519 keys in PKCS#8 and can neither show nor use them: they are empty
// here.
std::string public_half_of(ssh_key_struct* key) {
  ssh_key half = nullptr;
  if (ssh_pki_export_privkey_to_pubkey(key, &half) != SSH_OK) return {};
  libssh_key owned(half);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(half, &base64) != SSH_OK) return {};
  libssh_text text(base64);
  return from_base64(text.get());
}

std::vector<identity_set::certificate> identity_set::read_certificates(const key_files& from,
                                                                       const ssh_caller& by) {
  std::vector<certificate> given;
  std::string problem;
  for (const std::string& name : from.paths) {
    certificate c;
    c.file = by.path_of(name);
    watch(c.file);
    key_file r = read_certificate(c.file, c.blob, problem);
    if (r == key_file::usable) {
      given.push_back(std::move(c));
    } else if (from.missing == missing_keys::are_errors) {
      refuse("certificate file " + c.file, problem);
    } else if (r == key_file::unusable) {
      leave_out(c.file, problem);
    }
  }
  return given;
}

identity_set::identity_set(const key_files& files, const key_files& certificates, bool has_agent,
                           bool can_ask, const ssh_caller& by)
    : has_agent_(has_agent), can_ask_(can_ask), named_(!files.paths.empty()) {
  std::vector<certificate> given = read_certificates(certificates, by);
  std::string problem;
  for (const std::string& name : files.paths) {
    std::string file = by.path_of(name);
    key_file r = add(file, given, problem);
    if (r == key_file::usable) continue;
    if (files.missing == missing_keys::are_errors) refuse("identity file " + file, problem);
    if (r == key_file::unusable) leave_out(file, problem);
  }
  bool usual = files.paths.empty() && files.missing == missing_keys::are_errors;
  if (usual) add_usual(by.home() + "/.ssh/", given);
  for (const certificate& c : given)
    if (!c.used) add_certified(c);
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

// One key file, and its certificates.
key_file identity_set::add(const std::string& file, std::vector<certificate>& given,
                           std::string& problem) {
  watch(file);
  key_text read;
  key_file r = read_key_file(file, read.text, problem);
  if (r == key_file::unusable || (r == key_file::missing && !has_agent_)) return r;
  identity made = load(file, read.text);
  bool by_halves = has_agent_ || can_ask_;
  if (by_halves) watch(file + ".pub");
  if (made.blob.empty() && by_halves) made.blob = key_beside(file);
  if (r == key_file::missing) {
    if (made.blob.empty()) return r;
    made.problem = "is missing";
  }
  bool is_useful =
      made.key || (has_agent_ && !made.blob.empty()) || (can_ask_ && !made.locked.empty());
  if (!is_useful) {
    problem = made.problem;
    return key_file::unusable;
  }
  for (certificate& c : given) {
    if (plain_key_of(c.blob) != made.blob) continue;
    c.used = true;
    add_certified(read.text, made, c);
  }
  add_certificate_beside(read.text, made);
  plain_.push_back(std::move(made));
  return key_file::usable;
}

void identity_set::add_certificate_beside(const std::string& text, const identity& plain) {
  certificate beside;
  beside.file = plain.file + "-cert.pub";
  watch(beside.file);
  std::string why;
  key_file found = read_certificate(beside.file, beside.blob, why);
  if (found == key_file::usable && plain_key_of(beside.blob) != plain.blob) {
    found = key_file::unusable;
    why = "is for another key";
  }
  if (found == key_file::usable) add_certified(text, plain, beside);
  if (found == key_file::unusable) leave_out(beside.file, why);
}

// Certificates go first: a server that takes one may not know the key.
void identity_set::add_certified(const std::string& text, const identity& plain,
                                 const certificate& by) {
  auto same = [&by](const identity& known) { return known.blob == by.blob; };
  if (std::ranges::any_of(keys_, same)) return;
  identity made;
  made.file = by.file;
  made.blob = by.blob;
  made.problem = plain.problem;
  made.locked = plain.locked;
  bool asked = false;
  if (plain.key) made.key = key_in(text, asked);
  if (plain.key && !certify(by.blob, made.key)) return leave_out(by.file, "is of an unknown kind");
  keys_.push_back(std::move(made));
}

// One that is for none of the keys here; an agent may have it.
void identity_set::add_certified(const certificate& by) {
  constexpr const char* why = "is for none of the keys";
  if (!has_agent_) return leave_out(by.file, why);
  identity made;
  made.file = by.file;
  made.blob = by.blob;
  made.problem = why;
  keys_.push_back(std::move(made));
}

void identity_set::watch(const std::string& file) {
  files_.emplace_back(file, file_stamp::of(file));
}

void identity_set::leave_out(const std::string& file, const std::string& problem) {
  left_out_ += (left_out_.empty() ? "" : ", ") + file + ": " + problem;
}

bool identity_set::is_current() const noexcept {
  return std::ranges::all_of(
      files_, [](const auto& each) { return file_stamp::of(each.first) == each.second; });
}

}  // namespace execo::detail
