// Which host keys are trusted: the policy, the known_hosts file, and the one writer of it.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/file_stamp.hpp"
#include "execo/connection.hpp"
#include "ssh/caller.hpp"
#include "ssh/failure.hpp"
#include "ssh/known_hosts.hpp"

namespace execo::detail {

/// A host key as the server showed it.
class shown_key {
 public:
  std::string type;  // "ssh-ed25519"
  std::string base64;
  /// "SHA256:...", as ssh-keygen -l prints it.
  std::string fingerprint() const;
};

class host_key_store {
 public:
  /// Reads the file, unless any key will do.
  /// Throws: std::invalid_argument naming a file that is there and cannot be used.
  host_key_store(host_keys policy, std::string file, const ssh_caller& by = ssh_caller::now());

  /// Reads the file again if it has changed since. Throws: as the constructor.
  void refresh();

  /// Another number each time that the file was read.
  unsigned version() const noexcept { return version_; }

  /// Whether keys matter at all.
  bool checks() const noexcept { return policy_ != host_keys::ignore; }

  /// Judges a key, and records it where the policy says so. True: go on. False: `why` is set.
  bool accept(std::string_view host, int port, const shown_key& key, failure& why);

  /// The server's algorithms in an order that makes it show a key we know; empty: any will do.
  std::string preferred_algorithms(std::string_view host, int port) const;

 private:
  void read();
  bool record(std::string_view host, int port, const shown_key& key, failure& why);
  std::error_code append(std::string line);
  std::error_code open_for_append();
  failure refuse(std::string_view host, int port, const shown_key& key, std::string_view what,
                 std::string_view cure, std::error_code why = {}) const;

  host_keys policy_;
  std::string file_;
  bool with_site_file_;
  file_stamp site_stamp_;
  file_stamp stamp_;  // of the file as it was read, and with what was added here
  known_hosts known_;
  unsigned version_ = 0;
  unique_fd writer_;
  bool needs_newline_ = false;
};

}  // namespace execo::detail
