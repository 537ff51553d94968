// The known_hosts format of OpenSSH (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), parsed once into a map.
// Pure: no files, no libssh.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace execo::detail {

class known_hosts {
 public:
  enum class verdict : std::uint8_t {
    known,       ///< this key is the host's
    unknown,     ///< nothing is known of this host
    changed,     ///< another key of this type is
    other_type,  ///< only keys of other types are
    revoked,     ///< marked @revoked
  };

  /// Adds the lines of a file. A line that cannot be read is left out, and one for a certificate
  /// authority only says that there is one.
  void parse(std::string_view text);

  /// `type` and `key` as they are in the file: "ssh-ed25519", base64. Port 22 has plain names, any
  /// other port "[name]:port"; a plain name may vouch for a key at another port, as in OpenSSH.
  verdict check(std::string_view host, int port, std::string_view type, std::string_view key) const;

  /// The types of the keys known for a host, without repetition: those to ask the server for.
  std::vector<std::string_view> types(std::string_view host, int port) const;

  /// "ssh-ed25519 AAAA...", the shortest of the keys known for a host, of the types that every
  /// server of today can sign with; empty: there is none.
  std::string key_of(std::string_view host, int port) const;

  /// A certificate authority signs keys of this host.
  bool has_authority(std::string_view host, int port) const;

  void add(std::string_view host, int port, std::string_view type, std::string_view key);

  /// Whether the name can stand in the file as one name, and nothing else: no pattern, no list, no
  /// marker, no second line.
  static bool can_record(std::string_view host) noexcept;

  /// The name of a host in the file.
  static std::string entry_name(std::string_view host, int port);

  /// Lines that say something.
  std::size_t size() const noexcept { return lines_; }

 private:
  struct public_key {
    std::string type;
    std::string base64;
  };
  struct entry {
    std::uint32_t key;  // index into keys_
    bool revoked;
  };
  struct pattern_line {
    std::string patterns;
    entry what;
  };
  struct hashed_line {
    std::string salt;
    std::array<unsigned char, 20> hash;
    entry what;
  };

  void parse_line(std::string_view line);
  void add_names(std::string_view names, entry what);
  bool add_hashed(std::string_view text, entry what);
  std::uint32_t intern(std::string_view type, std::string_view key);
  std::vector<entry> find(const std::string& name) const;
  verdict classify(const std::vector<entry>& entries, std::string_view type,
                   std::string_view key) const;

  // A fleet may share one key: each key is kept once.
  std::vector<public_key> keys_;
  std::unordered_map<std::string, std::uint32_t> key_index_;
  std::unordered_multimap<std::string, entry> names_;
  std::vector<pattern_line> patterns_;
  std::vector<hashed_line> hashed_;
  std::vector<std::string> authorities_;  // patterns of the hosts that they sign keys of
  std::size_t lines_ = 0;
};

}  // namespace execo::detail
