// The host key that all hosts of a fleet share, and the keys that may log in.
#pragma once

#include <libssh/libssh.h>

#include <memory>
#include <string>
#include <unordered_set>

namespace execo::fleet {

struct key_deleter {
  void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using key_ptr = std::unique_ptr<std::remove_pointer_t<ssh_key>, key_deleter>;

class host_key {
 public:
  /// Reads a private key file; an empty path makes an ed25519 key that only this process has.
  /// Throws: usage_error.
  explicit host_key(const std::string& path);

  /// "SHA256:..."
  const std::string& fingerprint() const noexcept { return fingerprint_; }
  /// "ssh-ed25519 AAAA..."
  const std::string& public_line() const noexcept { return public_line_; }
  /// Gives up the key, once, to the caller that signs with it.
  ssh_key release() noexcept { return key_.release(); }

 private:
  key_ptr key_;
  std::string fingerprint_;
  std::string public_line_;
};

class authorized_keys {
 public:
  /// Reads sshd's authorized_keys format; options before a key are ignored. Lines that are not
  /// keys are skipped, as sshd does, and reported on stderr.
  /// Throws: usage_error if the file cannot be read or holds no key at all.
  explicit authorized_keys(const std::string& path);

  bool contains(ssh_key key) const;
  std::size_t size() const noexcept { return blobs_.size(); }

 private:
  bool add_line(const std::string& line);

  std::unordered_set<std::string> blobs_;  // public key blobs in base64
};

}  // namespace execo::fleet
