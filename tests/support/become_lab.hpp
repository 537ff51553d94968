// A server whose users become others by sudo, su and doas, with files of its own for all of them.
#pragma once

#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

#include "sshd_fixture.hpp"

namespace execo::test {

// Random printable characters, fixed here so that a search for them finds nothing else.
inline constexpr const char* password_of_login = "q7!Vd$z'9(Lw\"xKe";
inline constexpr const char* password_of_root = "m3\\Tn%f&Rb~2;Yhc";
// As crypt(5) has them.
inline constexpr const char* hash_of_login =
    "$5$execotest$PE8in3Hv/mvhHgAc2BP2KUVAPAXlfqMP80L4KF.KAC9";
inline constexpr const char* hash_of_root =
    "$5$execotest$xtg5O2OQOTGw1F4tYYFhazHK6x28CXFdUGmtyAnjDXD";

inline std::map<std::string, std::string> become_files() {
  std::string pam =
      "auth required pam_unix.so nodelay\naccount required pam_permit.so\n"
      "session required pam_permit.so\n";
  std::string login = hash_of_login;
  std::string rest = ":19000:0:99999:7:::\n";
  return {
      {"passwd",
       "execo-service:x:54400:54400::/:/usr/sbin/nologin\n"
       "execo-pty:x:54401:54401::/:/bin/sh\n"},
      {"shadow", "root:" + std::string(hash_of_root) + rest + "execo-test:" + login + rest +
                     "execo-bash:" + login + rest + "execo-dash:" + login + rest +
                     "execo-csh:" + login + rest + "execo-zsh:" + login + rest +
                     "execo-pty:" + login + rest + "execo-service:*" + rest},
      {"sudoers",
       "Defaults env_reset, timestamp_timeout=0, !mail_no_user, lecture=always\n"
       "Defaults:execo-dash requiretty\nDefaults:execo-pty use_pty\nexeco-pty ALL=(ALL:ALL) ALL\n"
       "execo-test ALL=(ALL:ALL) ALL\nexeco-csh ALL=(ALL:ALL) NOPASSWD: ALL\n"
       "execo-dash ALL=(ALL:ALL) ALL\nexeco-zsh ALL=(ALL:ALL) NOPASSWD: ALL\n"
       "root ALL=(ALL:ALL) ALL\n"},
      {"doas.conf", "permit execo-test\npermit nopass execo-csh\n"},
      {"pam.d/sudo", pam},
      {"pam.d/su", "auth sufficient pam_rootok.so\n" + pam},
      {"pam.d/doas", pam},
  };
}

class become_lab {
 public:
  /// Empty: it can be had, but for its users: those take a mount namespace, see ordinary_user().
  static std::string why_not() {
    if (::access("/usr/bin/sudo", X_OK) != 0 || ::access("/usr/bin/doas", X_OK) != 0)
      return "no sudo or no doas on this machine";
    if (!sshd_fixture::available()) return "no sshd on this machine";
    return ::geteuid() == 0 ? "" : "no users of our own: that takes root";
  }

  become_lab() : server_("", ssh_server::openssh, become_files()) {
    std::ofstream(known_hosts()) << "*,[127.*]:* " << server_.host_key() << "\n";
  }

  sshd_fixture& server() noexcept { return server_; }
  std::string known_hosts() const { return server_.directory() + "/known_hosts"; }

 private:
  sshd_fixture server_;
};

}  // namespace execo::test
