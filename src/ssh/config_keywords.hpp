// The keywords of ssh_config(5), one a line: how their values are read, what becomes of them, and
// what ssh takes when no file names them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace execo::detail {

/// How the values of a keyword are written.
enum class config_kind : std::uint8_t {
  word,        // one word
  words,       // one or more words
  files,       // the same, or `none` alone
  rest,        // the rest of the line, as it stands
  choice,      // one of the words of its line
  count,       // a whole number
  port,        // a number or the name of a service
  seconds,     // 90, 10m, 1h30m, none
  rekey,       // a size and, perhaps, a time
  jump,        // [user@]host[:port],... or none
  send,        // names of variables; -name removes
  assign,      // NAME=VALUE...
  agent,       // yes, no, or a path
  log_level,   // quiet to debug3
  algorithms,  // a list, perhaps after + - ^
  lifetime,    // yes, no, ask, confirm, or a time
  forward,     // one or two addresses
  anything,    // not looked at
  host,
  match,
  include,
};

/// What connections do with a keyword.
enum class config_use : std::uint8_t {
  acts,       // it changes how execo connects
  ignored,    // it has no meaning for a command without terminal, or changes no result
  needs_ssh,  // only the program ssh can do what it asks for
  retired,    // ssh itself ignores it
};

enum config_trait : std::uint8_t {
  adds = 1,           // values of several lines hold together
  none_is_unset = 2,  // `none` is as if no line had named it
  shown_expanded = 4,
};

class config_keyword {
 public:
  std::string_view name;
  config_kind kind;
  config_use use;
  std::string_view unset = {};  // what holds without a line; empty: nothing is shown
  unsigned traits = 0;
  std::string_view choices = {};  // given=shown, between blanks
};

namespace config_choices {
inline constexpr std::string_view yes_no = "yes=yes true=yes no=no false=no";
inline constexpr std::string_view truth = "yes=true true=true no=false false=false";
inline constexpr std::string_view ask = "yes=true true=true no=false false=false ask=ask";
inline constexpr std::string_view strict =
    "yes=true true=true no=false false=false off=false ask=ask accept-new=accept-new";
inline constexpr std::string_view canonical =
    "yes=true true=true no=false false=false always=always";
inline constexpr std::string_view master =
    "yes=true true=true no=false false=false auto=auto ask=ask autoask=autoask";
inline constexpr std::string_view tty =
    "yes=true true=true no=false false=false force=force auto=auto";
inline constexpr std::string_view public_key =
    "yes=true true=true no=false false=false unbound=unbound host-bound=host-bound";
inline constexpr std::string_view tunnel =
    "ethernet=ethernet point-to-point=point-to-point yes=point-to-point true=point-to-point "
    "no=false false=false";
inline constexpr std::string_view family = "any=any inet=inet inet6=inet6";
inline constexpr std::string_view session = "none=none subsystem=subsystem default=default";
inline constexpr std::string_view fingerprint = "md5=MD5 sha256=SHA256";
inline constexpr std::string_view facility =
    "daemon=DAEMON user=USER auth=AUTH authpriv=AUTHPRIV local0=LOCAL0 local1=LOCAL1 local2=LOCAL2 "
    "local3=LOCAL3 local4=LOCAL4 local5=LOCAL5 local6=LOCAL6 local7=LOCAL7";
}  // namespace config_choices

// clang-format off
inline constexpr auto config_keywords = std::to_array<config_keyword>({
    {"host", config_kind::host, config_use::acts},
    {"match", config_kind::match, config_use::acts},
    {"include", config_kind::include, config_use::acts},
    {"ignoreunknown", config_kind::word, config_use::acts},
    {"tag", config_kind::word, config_use::acts},
    {"user", config_kind::word, config_use::acts},
    {"hostname", config_kind::word, config_use::acts},
    {"port", config_kind::port, config_use::acts, "22"},
    {"addressfamily", config_kind::choice, config_use::acts, "any", 0, config_choices::family},
    {"bindaddress", config_kind::word, config_use::acts},
    {"bindinterface", config_kind::word, config_use::needs_ssh},
    {"connecttimeout", config_kind::seconds, config_use::acts, "none"},
    {"connectionattempts", config_kind::count, config_use::acts, "1"},
    {"serveraliveinterval", config_kind::seconds, config_use::acts, "0"},
    {"serveralivecountmax", config_kind::count, config_use::acts, "3"},
    {"tcpkeepalive", config_kind::choice, config_use::acts, "yes", 0, config_choices::yes_no},
    {"compression", config_kind::choice, config_use::acts, "no", 0, config_choices::yes_no},
    {"rekeylimit", config_kind::rekey, config_use::acts, "0 0"},
    {"ciphers", config_kind::algorithms, config_use::acts},
    {"macs", config_kind::algorithms, config_use::acts},
    {"kexalgorithms", config_kind::algorithms, config_use::acts},
    {"hostkeyalgorithms", config_kind::algorithms, config_use::acts},
    {"pubkeyacceptedalgorithms", config_kind::algorithms, config_use::acts},
    {"casignaturealgorithms", config_kind::algorithms, config_use::needs_ssh},
    {"hostbasedacceptedalgorithms", config_kind::algorithms, config_use::needs_ssh},
    {"requiredrsasize", config_kind::count, config_use::acts, "1024"},
    {"batchmode", config_kind::choice, config_use::acts, "no", 0, config_choices::yes_no},
    {"identityfile", config_kind::word, config_use::acts, "", adds},
    {"certificatefile", config_kind::word, config_use::acts, "", adds},
    {"identitiesonly", config_kind::choice, config_use::acts, "no", 0, config_choices::yes_no},
    {"identityagent", config_kind::word, config_use::acts, "", shown_expanded},
    {"addkeystoagent", config_kind::lifetime, config_use::ignored, "false"},
    {"forwardagent", config_kind::agent, config_use::needs_ssh, "no", shown_expanded},
    {"preferredauthentications", config_kind::word, config_use::acts},
    {"pubkeyauthentication", config_kind::choice, config_use::acts, "true", 0, config_choices::public_key},
    {"passwordauthentication", config_kind::choice, config_use::acts, "yes", 0, config_choices::yes_no},
    {"kbdinteractiveauthentication", config_kind::choice, config_use::acts, "yes", 0, config_choices::yes_no},
    {"kbdinteractivedevices", config_kind::word, config_use::ignored},
    {"numberofpasswordprompts", config_kind::count, config_use::acts, "3"},
    {"hostbasedauthentication", config_kind::choice, config_use::needs_ssh, "no", 0, config_choices::yes_no},
    {"enablesshkeysign", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"pkcs11provider", config_kind::word, config_use::needs_ssh, "", none_is_unset},
    {"securitykeyprovider", config_kind::word, config_use::ignored, "", none_is_unset},
    {"gssapiauthentication", config_kind::choice, config_use::needs_ssh, "no", 0, config_choices::yes_no},
    {"gssapidelegatecredentials", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"gssapikeyexchange", config_kind::choice, config_use::needs_ssh, "no", 0, config_choices::yes_no},
    {"gssapitrustdns", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"gssapirenewalforcesrekey", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"gssapiclientidentity", config_kind::word, config_use::ignored},
    {"gssapiserveridentity", config_kind::word, config_use::ignored},
    {"gssapikexalgorithms", config_kind::algorithms, config_use::ignored},
    {"hostkeyalias", config_kind::word, config_use::acts},
    {"userknownhostsfile", config_kind::files, config_use::acts, "~/.ssh/known_hosts ~/.ssh/known_hosts2", shown_expanded},
    {"globalknownhostsfile", config_kind::files, config_use::acts, "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"},
    {"stricthostkeychecking", config_kind::choice, config_use::acts, "ask", 0, config_choices::strict},
    {"revokedhostkeys", config_kind::word, config_use::acts, "", none_is_unset},
    {"knownhostscommand", config_kind::rest, config_use::needs_ssh, "", none_is_unset},
    {"verifyhostkeydns", config_kind::choice, config_use::needs_ssh, "false", 0, config_choices::ask},
    {"updatehostkeys", config_kind::choice, config_use::ignored, "true", 0, config_choices::ask},
    {"hashknownhosts", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"checkhostip", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"nohostauthenticationforlocalhost", config_kind::choice, config_use::acts, "no", 0, config_choices::yes_no},
    {"visualhostkey", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"fingerprinthash", config_kind::choice, config_use::ignored, "SHA256", 0, config_choices::fingerprint},
    {"proxyjump", config_kind::jump, config_use::acts},
    {"proxycommand", config_kind::rest, config_use::acts, "", none_is_unset},
    {"proxyusefdpass", config_kind::choice, config_use::needs_ssh, "no", 0, config_choices::yes_no},
    {"canonicalizehostname", config_kind::choice, config_use::needs_ssh, "false", 0, config_choices::canonical},
    {"canonicaldomains", config_kind::files, config_use::needs_ssh, "none"},
    {"canonicalizefallbacklocal", config_kind::choice, config_use::needs_ssh, "yes", 0, config_choices::yes_no},
    {"canonicalizemaxdots", config_kind::count, config_use::needs_ssh, "1"},
    {"canonicalizepermittedcnames", config_kind::files, config_use::needs_ssh, "none"},
    {"sendenv", config_kind::send, config_use::acts, "", adds},
    {"setenv", config_kind::assign, config_use::acts},
    {"requesttty", config_kind::choice, config_use::ignored, "auto", 0, config_choices::tty},
    {"remotecommand", config_kind::rest, config_use::ignored, "", none_is_unset | shown_expanded},
    {"sessiontype", config_kind::choice, config_use::ignored, "default", 0, config_choices::session},
    {"stdinnull", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"forkafterauthentication", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"escapechar", config_kind::word, config_use::ignored, "~"},
    {"enableescapecommandline", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"obscurekeystroketiming", config_kind::word, config_use::ignored},
    {"loglevel", config_kind::log_level, config_use::ignored, "INFO"},
    {"logverbose", config_kind::words, config_use::ignored, "none"},
    {"syslogfacility", config_kind::choice, config_use::ignored, "USER", 0, config_choices::facility},
    {"ipqos", config_kind::words, config_use::ignored, "lowdelay throughput"},
    {"channeltimeout", config_kind::words, config_use::ignored},
    {"versionaddendum", config_kind::rest, config_use::ignored},
    {"warnweakcrypto", config_kind::words, config_use::ignored},
    {"refuseconnection", config_kind::rest, config_use::needs_ssh},
    {"controlmaster", config_kind::choice, config_use::ignored, "false", 0, config_choices::master},
    {"controlpath", config_kind::word, config_use::ignored, "", none_is_unset | shown_expanded},
    {"controlpersist", config_kind::lifetime, config_use::ignored, "no"},
    {"localcommand", config_kind::rest, config_use::ignored, "", none_is_unset},
    {"permitlocalcommand", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"localforward", config_kind::forward, config_use::ignored, "", adds},
    {"remoteforward", config_kind::forward, config_use::ignored, "", adds},
    {"dynamicforward", config_kind::forward, config_use::ignored, "", adds},
    {"clearallforwardings", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"exitonforwardfailure", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"gatewayports", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"permitremoteopen", config_kind::words, config_use::ignored, "any"},
    {"streamlocalbindmask", config_kind::word, config_use::ignored, "0177"},
    {"streamlocalbindunlink", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"tunnel", config_kind::choice, config_use::ignored, "false", 0, config_choices::tunnel},
    {"tunneldevice", config_kind::word, config_use::ignored, "any:any"},
    {"forwardx11", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"forwardx11trusted", config_kind::choice, config_use::ignored, "no", 0, config_choices::yes_no},
    {"forwardx11timeout", config_kind::seconds, config_use::ignored, "1200"},
    {"xauthlocation", config_kind::word, config_use::ignored, "/usr/bin/xauth"},
    {"protocol", config_kind::anything, config_use::retired},
    {"cipher", config_kind::anything, config_use::retired},
    {"fallbacktorsh", config_kind::anything, config_use::retired},
    {"globalknownhostsfile2", config_kind::anything, config_use::retired},
    {"rhostsauthentication", config_kind::anything, config_use::retired},
    {"userknownhostsfile2", config_kind::anything, config_use::retired},
    {"useroaming", config_kind::anything, config_use::retired},
    {"usersh", config_kind::anything, config_use::retired},
    {"useblacklistedkeys", config_kind::anything, config_use::retired},
    {"useprivilegedport", config_kind::anything, config_use::retired},
    {"afstokenpassing", config_kind::anything, config_use::retired},
    {"kerberosauthentication", config_kind::anything, config_use::retired},
    {"kerberostgtpassing", config_kind::anything, config_use::retired},
    {"rsaauthentication", config_kind::anything, config_use::retired},
    {"rhostsrsaauthentication", config_kind::anything, config_use::retired},
    {"compressionlevel", config_kind::anything, config_use::retired},
    {"protocolkeepalives", config_kind::anything, config_use::retired},
    {"setuptimeout", config_kind::anything, config_use::retired},
});
// clang-format on

/// The keyword's place in the table. A misspelled name does not compile.
consteval std::size_t config_place(std::string_view name) {
  for (std::size_t i = 0; i < config_keywords.size(); ++i)
    if (config_keywords[i].name == name) return i;
  throw "no such keyword";
}

inline std::size_t config_place(const config_keyword& keyword) {
  return static_cast<std::size_t>(&keyword - config_keywords.data());
}

/// By a name in lower case, old names too. Null: ssh has no such keyword.
const config_keyword* find_config_keyword(std::string_view name) noexcept;

}  // namespace execo::detail
