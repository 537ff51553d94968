// Which host keys are trusted: the policy, the known_hosts file, and the one writer of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "base/file_stamp.hpp"
#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "process/failure.hpp"
#include "ssh/caller.hpp"
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

/// The files of known keys, by their paths.
class host_key_files {
 public:
  /// `file`, or the usual ones.
  static host_key_files of(const std::string& file, const ssh_caller& by);

  std::string written;              // where new keys are recorded; read like the others
  std::vector<std::string> others;  // read in addition, before that one
  std::string revoked;              // a list of public keys that are not accepted; empty: none

  friend bool operator==(const host_key_files&, const host_key_files&) = default;
};

class host_key_store {
 public:
  /// Reads the files; if any key will do, the list of revoked ones alone. Of `others` those count
  /// that can be read. Throws: std::invalid_argument naming a file that cannot be used.
  host_key_store(host_keys policy, host_key_files files);
  host_key_store(host_keys policy, const std::string& file,
                 const ssh_caller& by = ssh_caller::now())
      : host_key_store(policy, host_key_files::of(file, by)) {}

  /// Reads the files again if one of them has changed since. Throws: as the constructor.
  void refresh();

  bool is_of(host_keys policy, const host_key_files& files) const {
    return policy == policy_ && files == files_;
  }

  /// Another number each time that the file was read.
  unsigned version() const noexcept { return version_; }

  /// Whether keys matter at all.
  bool checks() const noexcept { return policy_ != host_keys::ignore; }

  /// There is a list of revoked keys.
  bool lists_revoked() const noexcept { return revoked_.size() > 0; }
  /// The list of revoked keys has it: it is not accepted, whatever the policy. True: `why` is set.
  bool refuses_revoked(std::string_view host, int port, const shown_key& key, failure& why) const;

  /// Judges a key, and records it where the policy says so. True: go on. False: `why` is set.
  bool accept(std::string_view host, int port, const shown_key& key, failure& why);

  /// What the files say of a key.
  known_hosts::verdict check(std::string_view host, int port, const shown_key& key) const {
    return known_.check(host, port, key.type, key.base64);
  }
  /// A key that others may trust in our place, "ssh-ed25519 AAAA..."; empty: none is known that
  /// they could judge as we do.
  std::string key_to_tell(std::string_view host, int port) const {
    bool has_rules = !files_.revoked.empty() || known_.has_authority(host, port);
    return has_rules ? std::string() : known_.key_of(host, port);
  }
  /// Adds a key to the written file. False: `why` is set.
  bool record(std::string_view host, int port, const shown_key& key, failure& why);

  /// The server's algorithms in an order that makes it show a key we know; empty: any will do.
  std::string preferred_algorithms(std::string_view host, int port) const;

 private:
  void read();
  known_hosts read_revoked() const;
  std::vector<file_stamp> stamps_of_others() const;
  std::error_code append(std::string line);
  std::error_code open_for_append();
  failure refuse(std::string_view host, int port, const shown_key& key, failure_reason reason,
                 std::string_view what, std::string_view cure, std::error_code why = {}) const;

  host_keys policy_;
  host_key_files files_;
  std::vector<file_stamp> other_stamps_;
  file_stamp stamp_;  // of the written file as it was read, and with what was added here
  known_hosts known_;
  unsigned version_ = 0;
  unique_fd writer_;
  bool needs_newline_ = false;
  known_hosts revoked_;  // by files_.revoked
};

/// The stores of a loop: files that are the same are read once.
class host_key_stores final : public loop_service {
 public:
  host_key_stores() = default;
  explicit host_key_stores(loop&) noexcept {}

  /// Throws: as host_key_store.
  std::shared_ptr<host_key_store> find(host_keys policy, const host_key_files& files);

 private:
  // By the path of the written file.
  std::unordered_multimap<std::string, std::weak_ptr<host_key_store>> stores_;
  std::size_t sweep_at_ = 64;  // so many of them: those that have gone are dropped
};

}  // namespace execo::detail
