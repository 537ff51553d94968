#include "ssh/key_blob.hpp"

#include <array>
#include <cstdint>

#include "ssh/base64.hpp"
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view certificate_mark = "-cert-v01@openssh.com";

// How many fields follow the nonce of a certificate before its serial number: those of the key
// (OpenSSH, PROTOCOL.certkeys).
class certified {
 public:
  constexpr certified(std::string_view n, std::string_view k, unsigned f)
      : name(n), key(k), fields(f) {}
  std::string_view name;
  std::string_view key;
  unsigned fields;
};
constexpr std::array certified_types{
    certified("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1),
    certified("ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2),
    certified("ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2),
    certified("ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2),
    certified("ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2),
    certified("sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2),
    certified("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
              3),
};

std::string_view take_key_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r";
  std::size_t from = line.find_first_not_of(blanks);
  if (from == line.npos) return {};
  line.remove_prefix(from);
  std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

std::string_view type_of_key(std::string_view blob) noexcept {
  ssh_reader fields(blob);
  return fields.text();
}

bool is_certificate(std::string_view blob) noexcept {
  return type_of_key(blob).ends_with(certificate_mark);
}

std::string plain_key_of(std::string_view blob) {
  if (!is_certificate(blob)) return std::string(blob);
  ssh_reader fields(blob);
  std::string_view type = fields.text();
  std::string key;
  for (const certified& known : certified_types) {
    if (known.name != type) continue;
    append_number(key, known.key.size());
    key += known.key;
    (void)fields.text();  // the nonce
    std::string_view from = fields.rest();
    for (unsigned i = 0; i < known.fields; ++i) (void)fields.text();
    key += from.substr(0, from.size() - fields.rest().size());
  }
  return fields.failed() ? std::string() : key;
}

std::string key_in_text(std::string_view text) {
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    std::string_view type = take_key_word(line);
    if (type.empty() || type.starts_with('#')) continue;
    std::string blob = from_base64(take_key_word(line));
    return type_of_key(blob) == type ? blob : std::string();
  }
  return {};
}

}  // namespace execo::detail
