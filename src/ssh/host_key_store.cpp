// The file is read once and only appended to: one write(2) of whole lines to an O_APPEND
// descriptor, so that concurrent runs do not mix their lines with ours.
#include "ssh/host_key_store.hpp"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "base/read_file.hpp"
#include "ssh/base64.hpp"

namespace execo::detail {
namespace {

constexpr const char* site_file = "/etc/ssh/ssh_known_hosts";
constexpr std::size_t max_key_file_size = std::size_t{64} << 20;

std::error_code last_error() { return {errno, std::system_category()}; }

std::string_view word(host_keys policy) {
  switch (policy) {
    case host_keys::strict:
      return "strict";
    case host_keys::accept_new:
      return "accept-new";
    case host_keys::ignore:
      return "ignore";
  }
  return "";
}

// Each missing directory above `file`, for its owner only.
void make_directories(const std::string& file) {
  for (std::size_t slash = file.find('/', 1); slash != file.npos; slash = file.find('/', slash + 1))
    (void)::mkdir(file.substr(0, slash).c_str(), 0700);  // open(2) reports what went wrong
}

struct signature_names {
  std::string_view key_type;
  std::string_view algorithms;
};

// RSA keys sign with SHA-2 since RFC 8332.
constexpr std::array<signature_names, 7> signatures{{
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
}};

}  // namespace

std::string shown_key::fingerprint() const {
  std::string blob = from_base64(base64);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned length = 0;
  if (blob.empty() ||
      ::EVP_Digest(blob.data(), blob.size(), hash.data(), &length, ::EVP_sha256(), nullptr) != 1)
    return "SHA256:?";
  std::string print = to_base64({reinterpret_cast<const char*>(hash.data()), length});
  while (print.ends_with('=')) print.pop_back();
  return "SHA256:" + print;
}

host_key_files host_key_files::of(const std::string& file, const ssh_caller& by) {
  host_key_files made;
  made.written = file.empty() ? by.home() + "/.ssh/known_hosts" : by.path_of(file);
  // The administrator's file counts in addition to the user's own, as in OpenSSH.
  if (file.empty()) made.others.emplace_back(site_file);
  return made;
}

host_key_store::host_key_store(host_keys policy, host_key_files files)
    : policy_(policy), files_(std::move(files)) {
  read();
}

std::vector<file_stamp> host_key_store::stamps_of_others() const {
  std::vector<file_stamp> stamps;
  for (const std::string& file : files_.others) stamps.push_back(file_stamp::of(file));
  if (!files_.revoked.empty()) stamps.push_back(file_stamp::of(files_.revoked));
  return stamps;
}

void host_key_store::refresh() {
  bool current = file_stamp::of(files_.written) == stamp_ && stamps_of_others() == other_stamps_;
  if (!current) read();
}

// As in OpenSSH, no host is trusted while the list of revoked keys cannot be read.
known_hosts host_key_store::read_revoked() const {
  known_hosts revoked;
  if (files_.revoked.empty()) return revoked;
  std::string text;
  std::string problem;
  file_read there = read_file(files_.revoked, file_kind::regular, max_key_file_size, text, problem);
  if (there == file_read::whole && text.starts_with("SSHKRL"))
    problem = "is a KRL, which cannot be read; list the public keys in it, one on each line";
  if (!problem.empty())
    throw std::invalid_argument("RevokedHostKeys " + files_.revoked + ": " + problem);
  std::string marked;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.empty() && line[0] != '#') marked += "@revoked * " + std::string(line) + "\n";
  }
  revoked.parse(marked);
  return revoked;
}

void host_key_store::read() {
  known_hosts known;
  std::string text;
  std::string problem;
  // Before they are read: a change in between is seen the next time.
  stamp_ = file_stamp::of(files_.written);
  other_stamps_ = stamps_of_others();
  revoked_ = read_revoked();
  if (policy_ == host_keys::ignore) return void(++version_);
  for (const std::string& file : files_.others) {
    if (read_file(file, file_kind::regular, max_key_file_size, text, problem) == file_read::whole)
      known.parse(text);
    text.clear();
  }
  file_read there = read_file(files_.written, file_kind::regular, max_key_file_size, text, problem);
  if (there == file_read::refused)
    throw std::invalid_argument("known hosts file " + files_.written + ": " + problem);
  if (there == file_read::whole && policy_ == host_keys::accept_new &&
      ::access(files_.written.c_str(), W_OK) != 0)
    throw std::invalid_argument("known hosts file " + files_.written + ": " +
                                last_error().message());
  known.parse(text);
  known_ = std::move(known);
  ++version_;
  // A file that was replaced is not the one that is open.
  writer_.reset();
}

bool host_key_store::refuses_revoked(std::string_view host, int port, const shown_key& key,
                                     failure& why) const {
  if (revoked_.check(host, port, key.type, key.base64) != known_hosts::verdict::revoked)
    return false;
  why = refuse(host, port, key, failure_reason::host_key_revoked, "is marked @revoked",
               "give the host a new key");
  return true;
}

bool host_key_store::accept(std::string_view host, int port, const shown_key& key, failure& why) {
  if (refuses_revoked(host, port, key, why)) return false;
  if (policy_ == host_keys::ignore) return true;
  auto removal = [&] {
    return "if the host was really given a new key, remove the old one with `ssh-keygen -R '" +
           known_hosts::entry_name(host, port) + "' -f '" + files_.written + "'`";
  };
  switch (check(host, port, key)) {
    case known_hosts::verdict::known:
      return true;
    case known_hosts::verdict::changed:
      why = refuse(host, port, key, failure_reason::host_key_changed, "is not the key known",
                   removal());
      return false;
    case known_hosts::verdict::other_type:
      why = refuse(host, port, key, failure_reason::host_key_changed,
                   "is of another type than the keys known", removal());
      return false;
    case known_hosts::verdict::revoked:
      why = refuse(host, port, key, failure_reason::host_key_revoked, "is marked @revoked",
                   "give the host a new key");
      return false;
    case known_hosts::verdict::unknown:
      break;
  }
  if (policy_ == host_keys::accept_new) return record(host, port, key, why);
  if (known_.has_authority(host, port)) {
    why = refuse(host, port, key, failure_reason::host_key_unknown,
                 "is known by a certificate authority alone",
                 "only the ssh program takes host certificates (via openssh)");
    why.fits_openssh = true;
    return false;
  }
  why = refuse(host, port, key, failure_reason::host_key_unknown, "is not known",
               "check the fingerprint and add the key to that file, or use the policy accept-new");
  return false;
}

bool host_key_store::record(std::string_view host, int port, const shown_key& key, failure& why) {
  if (!known_hosts::can_record(host)) {
    why =
        refuse(host, port, key, failure_reason::host_key_unknown,
               "is new, and the host's name cannot be written", "name the host by plain characters",
               std::make_error_code(std::errc::invalid_argument));
    return false;
  }
  std::error_code error =
      append(known_hosts::entry_name(host, port) + " " + key.type + " " + key.base64 + "\n");
  if (error) {
    why = refuse(host, port, key, failure_reason::host_key_unknown,
                 "is new and could not be recorded", "make that file writable", error);
    return false;
  }
  known_.add(host, port, key.type, key.base64);
  return true;
}

std::error_code host_key_store::open_for_append() {
  constexpr int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
  writer_.reset(::open(files_.written.c_str(), flags, 0600));
  if (!writer_ && errno == ENOENT) {
    make_directories(files_.written);
    writer_.reset(::open(files_.written.c_str(), flags, 0600));
  }
  if (!writer_) return last_error();
  // A last line without its end would swallow ours.
  struct stat about {};
  char last = '\n';
  if (::fstat(writer_.get(), &about) == 0 && about.st_size > 0)
    (void)!::pread(writer_.get(), &last, 1, about.st_size - 1);
  needs_newline_ = last != '\n';
  return {};
}

std::error_code host_key_store::append(std::string line) {
  if (!writer_) {
    if (std::error_code error = open_for_append()) return error;
  }
  if (needs_newline_) line.insert(0, "\n");
  const file_stamp before = file_stamp::of(files_.written);
  ssize_t n = 0;
  do {
    n = ::write(writer_.get(), line.data(), line.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return last_error();
  // What others added meanwhile is to be read.
  const file_stamp after = file_stamp::of(files_.written);
  bool alone = before.size() == stamp_.size() &&
               after.size() == before.size() + static_cast<std::uint64_t>(n);
  if (alone) stamp_ = after;
  needs_newline_ = static_cast<std::size_t>(n) < line.size();
  return needs_newline_ ? std::make_error_code(std::errc::no_space_on_device) : std::error_code{};
}

std::shared_ptr<host_key_store> host_key_stores::find(host_keys policy,
                                                      const host_key_files& files) {
  if (stores_.size() >= sweep_at_) {
    std::erase_if(stores_, [](const auto& each) { return each.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * stores_.size());
  }
  auto [first, end] = stores_.equal_range(files.written);
  for (auto at = first; at != end; ++at) {
    std::shared_ptr<host_key_store> known = at->second.lock();
    if (known && known->is_of(policy, files)) return known;
  }
  auto made = std::make_shared<host_key_store>(policy, files);
  stores_.emplace(files.written, made);
  return made;
}

failure host_key_store::refuse(std::string_view host, int port, const shown_key& key,
                               failure_reason reason, std::string_view what, std::string_view cure,
                               std::error_code why) const {
  std::string text = known_hosts::entry_name(host, port) + ": host key " + key.fingerprint() +
                     " (" + key.type + ") " + std::string(what) + " in " + files_.written;
  if (why) text += ": " + why.message();
  text += "; policy " + std::string(word(policy_)) + "; " + std::string(cure);
  failure refused(end_reason::host_key_rejected, why, std::move(text));
  refused.reason = reason;
  return refused;
}

std::string host_key_store::preferred_algorithms(std::string_view host, int port) const {
  if (policy_ == host_keys::ignore) return {};
  std::vector<std::string_view> types = known_.types(host, port);
  // Without knowledge, and with the one that servers are asked for first anyhow, nothing changes.
  bool first = std::ranges::find(types, signatures.front().key_type) != types.end();
  if (types.empty() || first) return {};
  std::string list;
  for (bool of_known : {true, false}) {
    for (const signature_names& s : signatures) {
      bool known = std::ranges::find(types, s.key_type) != types.end();
      if (known != of_known) continue;
      if (!list.empty()) list += ',';
      list += s.algorithms;
    }
  }
  return list;
}

}  // namespace execo::detail
