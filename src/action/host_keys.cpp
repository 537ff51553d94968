#include "execo/host_keys.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "ssh/host_key_store.hpp"

namespace execo {
namespace {

detail::shown_key shown(const host_key& key) {
  detail::shown_key same;
  same.type = key.type;
  same.base64 = key.base64;
  return same;
}

/// "[node1]:2222" in parts.
class named_host {
 public:
  explicit named_host(std::string_view name) : host(name) {
    std::size_t end = name.rfind("]:");
    if (!name.starts_with('[') || end == name.npos) return;
    host = name.substr(1, end - 1);
    std::string_view digits = name.substr(end + 2);
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), port);
  }
  std::string_view host;
  int port = 22;
};

key_record record_of(detail::known_hosts::verdict found) {
  using verdict = detail::known_hosts::verdict;
  switch (found) {
    case verdict::known:
      return key_record::known;
    case verdict::changed:
      return key_record::different;
    case verdict::other_type:
      return key_record::other_type;
    case verdict::revoked:
      return key_record::revoked;
    case verdict::unknown:
      break;
  }
  return key_record::added;
}

std::string_view next_word(std::string_view& line) {
  std::size_t end = std::min(line.find(' '), line.size());
  std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

std::string host_key::line() const { return name + " " + type + " " + base64; }
std::string host_key::fingerprint() const { return shown(*this).fingerprint(); }

std::string_view to_string(key_record what) noexcept {
  static constexpr std::array<std::string_view, 5> words{"added", "known", "other_type",
                                                         "different", "revoked"};
  return words[static_cast<std::size_t>(what)];
}

std::vector<host_key> host_keys_of(const result& of) {
  std::vector<host_key> keys;
  std::string_view rest = of.out;
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    host_key key;
    key.name = next_word(line);
    key.type = next_word(line);
    key.base64 = next_word(line);
    if (!key.base64.empty()) keys.push_back(std::move(key));
  }
  return keys;
}

class known_hosts_file::state {
 public:
  explicit state(const std::string& path) : store(host_keys::accept_new, path) {}
  detail::host_key_store store;
};

known_hosts_file::known_hosts_file(const std::string& path)
    : state_(std::make_unique<state>(path)) {}
known_hosts_file::known_hosts_file(known_hosts_file&&) noexcept = default;
known_hosts_file& known_hosts_file::operator=(known_hosts_file&&) noexcept = default;
known_hosts_file::~known_hosts_file() = default;

std::vector<key_record> known_hosts_file::add(std::span<const host_key> of_one_host) {
  std::vector<key_record> records;
  for (const host_key& key : of_one_host) {
    named_host of(key.name);
    records.push_back(record_of(state_->store.check(of.host, of.port, shown(key))));
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i] != key_record::added) continue;
    named_host of(of_one_host[i].name);
    detail::failure why;
    if (!state_->store.record(of.host, of.port, shown(of_one_host[i]), why))
      throw std::system_error(why.why, why.context);
  }
  return records;
}

}  // namespace execo
