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
  libssh_key key;
  std::string blob;  // what is offered: the public key, or the certificate
};

enum class key_file : std::uint8_t { usable, missing, unusable };

class identity_set {
 public:
  /// The files named, each of which must be usable; without any, those of the usual ones in ~/.ssh
  /// that are there and usable. Each certificate, of those named and of those beside the keys
  /// (id_x-cert.pub), comes before all keys.
  /// Throws: std::invalid_argument naming a file that is missing or not usable, and why: encrypted,
  /// open to others, of a kind that libssh does not know.
  identity_set(const std::vector<std::string>& files, const std::vector<std::string>& certificates,
               const ssh_caller& by);

  std::size_t size() const noexcept { return keys_.size(); }
  const identity& operator[](std::size_t i) const noexcept { return keys_[i]; }

  /// The one to try first: the one that was accepted last, for a refused key counts as a failed
  /// attempt at the server.
  std::size_t favourite() const noexcept { return favourite_; }
  void accepted(std::size_t i) noexcept { favourite_ = i; }

  /// No file that counts has changed, gone or come since.
  bool is_current() const noexcept;

  /// "~/.ssh/id_a, ~/.ssh/id_b", for people.
  std::string names() const;

 private:
  class certificate {
   public:
    std::string file;
    std::string blob;
    bool used = false;  // a key that it is for is there
  };

  key_file add(const std::string& file, std::vector<certificate>& given, std::string& problem);
  void add_usual(const std::string& folder, std::vector<certificate>& given);
  void add_certified(const std::string& text, const certificate& by);
  void watch(const std::string& file);
  void leave_out(const std::string& file, const std::string& problem);

  std::vector<identity> keys_;
  std::vector<identity> plain_;                            // while it is made
  std::vector<std::pair<std::string, file_stamp>> files_;  // looked at, whether there or not
  std::string skipped_;
  std::size_t favourite_ = 0;
};

}  // namespace execo::detail
