// Private keys, loaded once and shared by all sessions of an environment.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file_stamp.hpp"
#include "ssh/caller.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

class identity {
 public:
  std::string file;  // of the key, or of its certificate
  libssh_key key;    // null: `problem` says why
  std::string blob;  // what is offered: the public key, or the certificate; empty: not known yet
  std::string problem;
  std::string locked;  // the key file, if a passphrase would unlock it
};

/// The private key in a file that a passphrase encrypts, with the certificate if `certificate` is
/// one. Null: it is the wrong passphrase.
libssh_key unlock_key(const std::string& text, const char* passphrase,
                      const std::string& certificate);
/// What is offered for it. Empty: libssh cannot use it.
std::string public_half_of(ssh_key_struct* key);

enum class key_file : std::uint8_t { usable, missing, unusable };

/// What becomes of files that are named, and are missing or cannot be used.
enum class missing_keys : std::uint8_t { are_errors, are_skipped };

/// Paths, and what becomes of those without a use.
class key_files {
 public:
  key_files(std::vector<std::string> files, missing_keys how = missing_keys::are_errors)
      : paths(std::move(files)), missing(how) {}

  std::vector<std::string> paths;
  missing_keys missing;
};

class identity_set {
 public:
  /// The files named, each of which must be usable unless such are skipped; if none is named, those
  /// of the usual ones in ~/.ssh that are there and usable, unless such are skipped. Each
  /// certificate, of those named and of those beside the keys (id_x-cert.pub), comes before all
  /// keys. With an agent, a file is usable if its public half is known: that of a key that is
  /// encrypted or in a security key, or a file of nothing else. If passphrases can be asked for, so
  /// is an encrypted one.
  /// Throws: std::invalid_argument naming a file that is missing or not usable, and why: encrypted,
  /// open to others, of a kind that libssh does not know.
  identity_set(const key_files& files, const key_files& certificates, bool has_agent, bool can_ask,
               const ssh_caller& by);

  std::size_t size() const noexcept { return keys_.size(); }
  const identity& operator[](std::size_t i) const noexcept { return keys_[i]; }
  identity& operator[](std::size_t i) noexcept { return keys_[i]; }
  /// They were named, and are not only the usual ones.
  bool are_named() const noexcept { return named_; }

  /// No file that counts has changed, gone or come since.
  bool is_current() const noexcept;

  /// "~/.ssh/id_a: is encrypted", of the usual files, and of certificates.
  const std::string& left_out() const noexcept { return left_out_; }

 private:
  class certificate {
   public:
    std::string file;
    std::string blob;
    bool used = false;  // a key that it is for is there
  };

  std::vector<certificate> read_certificates(const key_files& from, const ssh_caller& by);
  key_file add(const std::string& file, std::vector<certificate>& given, std::string& problem);
  void add_usual(const std::string& folder, std::vector<certificate>& given);
  void add_certificate_beside(const std::string& text, const identity& plain);
  void add_certified(const std::string& text, const identity& plain, const certificate& by);
  void add_certified(const certificate& by);
  void watch(const std::string& file);
  void leave_out(const std::string& file, const std::string& problem);

  std::vector<identity> keys_;
  std::vector<identity> plain_;                            // while it is made
  std::vector<std::pair<std::string, file_stamp>> files_;  // looked at, whether there or not
  std::string left_out_;
  const bool has_agent_;
  const bool can_ask_;
  const bool named_;
};

}  // namespace execo::detail
