// Private keys, loaded once and shared by all sessions of an environment.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/file_stamp.hpp"
#include "ssh/caller.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

class identity {
 public:
  identity(std::string from, libssh_key loaded) : file(std::move(from)), key(std::move(loaded)) {}
  std::string file;
  libssh_key key;
};

class identity_set {
 public:
  /// The files named, each of which must be usable; without any, those of the usual ones in ~/.ssh
  /// that are there and usable.
  /// Throws: std::invalid_argument naming a file that is missing or not usable, and why: encrypted,
  /// open to others, of a kind that libssh does not know.
  explicit identity_set(const std::vector<std::string>& files,
                        const ssh_caller& by = ssh_caller::now());

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
  std::vector<identity> keys_;
  std::vector<std::pair<std::string, file_stamp>> files_;  // looked at, whether there or not
  std::string skipped_;
  std::size_t favourite_ = 0;
};

}  // namespace execo::detail
