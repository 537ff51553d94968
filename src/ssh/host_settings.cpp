#include "ssh/host_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "hosts/wildcard.hpp"
#include "ssh/libssh.hpp"
#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

using words = std::vector<std::string_view>;

std::string text_of(const words& values) {
  std::string text;
  for (std::string_view value : values) text.append(text.empty() ? "" : " ").append(value);
  return text;
}

template <class Number>
Number number_of(const words& values, std::size_t place = 0) {
  Number number{};
  if (place >= values.size()) return number;
  std::string_view text = values[place];
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_yes(const words& values) {
  return !values.empty() && (values[0] == "yes" || values[0] == "true");
}

bool is_none(const std::vector<std::string>& files) {
  return files.size() == 1 && lower_case(files[0]) == "none";
}

/// Where a value of a keyword goes.
class settings_row {
 public:
  using setter = void (*)(host_settings& to, const words& values);
  using file_setter = void (*)(host_settings& to, std::vector<std::string> files);

  consteval settings_row(std::string_view name, setter how) : place(config_place(name)), set(how) {}
  consteval settings_row(std::string_view name, file_setter how)
      : place(config_place(name)), set_files(how) {}

  const config_keyword& keyword() const noexcept { return config_keywords[place]; }

  std::size_t place;
  setter set = nullptr;
  file_setter set_files = nullptr;
};

template <std::string connection_settings::*Member>
void set_text(host_settings& to, const words& values) {
  to.also.*Member = text_of(values);
}

void set_policy(host_settings& to, const words& values) {
  if (to.options.host_key_policy) return;
  std::string_view word = values[0];
  // execo cannot ask the user about a key: `ask` counts as strict.
  to.options.host_key_policy = host_keys::strict;
  if (word == "accept-new") to.options.host_key_policy = host_keys::accept_new;
  if (word == "false") to.options.host_key_policy = host_keys::ignore;
}

void set_family(host_settings& to, const words& values) {
  if (values[0] == "inet") to.also.family = AF_INET;
  if (values[0] == "inet6") to.also.family = AF_INET6;
}

void set_user_files(host_settings& to, std::vector<std::string> files) {
  if (is_none(files)) files.assign(1, "/dev/null");
  to.also.known_hosts = std::move(files);
}

void set_site_files(host_settings& to, std::vector<std::string> files) {
  if (is_none(files)) files.clear();
  to.also.site_known_hosts = std::move(files);
}

void set_identities(host_settings& to, std::vector<std::string> files) {
  std::erase_if(files, [](const std::string& file) { return lower_case(file) == "none"; });
  to.also.identities = std::move(files);
}

void set_no_keys(host_settings& to) {
  to.also.allows.key = false;
  to.also.identities.emplace();
}

void set_no_secrets(host_settings& to) {
  to.also.allows.password = false;
  to.also.allows.keyboard = false;
}

// Those of its methods that are here; their order stays ours.
void set_methods(host_settings& to, const words& values) {
  std::string list = "," + text_of(values) + ",";
  auto has = [&list](const char* method) { return list.find(method) != list.npos; };
  if (!has(",password,")) to.also.allows.password = false;
  if (!has(",keyboard-interactive,")) to.also.allows.keyboard = false;
  if (!has(",publickey,")) set_no_keys(to);
}

void set_keepalive(host_settings& to, const words& values) {
  if (!to.options.keepalive)
    to.options.keepalive = std::chrono::seconds(number_of<std::int32_t>(values));
}

void set_connect_timeout(host_settings& to, const words& values) {
  if (!to.options.limits.establish)
    to.options.limits.establish = std::chrono::seconds(number_of<std::int32_t>(values));
}

void set_unanswered(host_settings& to, const words& values) {
  unsigned count = number_of<unsigned>(values);
  // None at all: ssh never ends the connection then.
  to.also.max_unanswered = count > 0 ? count : std::numeric_limits<unsigned>::max();
}

void set_tcp_keepalive(host_settings& to, const words& values) {
  if (!to.options.tcp_keepalive && !is_yes(values)) to.options.tcp_keepalive = duration(0);
}

void set_rekey(host_settings& to, const words& values) {
  to.also.rekey_bytes = number_of<std::uint64_t>(values);
  to.also.rekey_seconds = number_of<std::uint32_t>(values, 1);
}

// NAME=VALUE: given on each line by its own, the first of a name holds.
void set_variables(host_settings& to, const words& values) {
  for (std::string_view one : values) {
    std::size_t name_end = std::min(one.find('='), one.size());
    std::string name(one.substr(0, name_end));
    auto same = [&name](const auto& known) { return known.first == name; };
    if (std::ranges::any_of(to.also.variables, same)) continue;
    to.also.variables.emplace_back(std::move(name), one.substr(std::min(name_end + 1, one.size())));
  }
}

void need_ssh(host_settings& to, const config_keyword& keyword) {
  if (to.also.needs_ssh.empty()) to.also.needs_ssh = keyword.name;
}

template <std::size_t Place>
void need_ssh_if_given(host_settings& to, const words& values) {
  bool off = values[0] == "no" || values[0] == "false" || values[0] == "none";
  if (!off) need_ssh(to, config_keywords[Place]);
}

template <int Method>
void add_method_of_ssh(host_settings& to, const words& values) {
  if (is_yes(values)) to.also.methods_of_ssh |= Method;
}

void set_jump(host_settings& to, const words& values) {
  const ssh_options& base = to.options;
  if (!base.jump.empty() || !base.proxy_command.empty() || !base.unix_socket.empty()) return;
  // Tokens in the names of hops.
  if (values[0].find('%') != std::string_view::npos)
    return need_ssh(to, config_keywords[config_place("proxyjump")]);
  to.options.jump = jump_hosts(values[0]);
}

constexpr std::size_t send_place = config_place("sendenv");

constexpr settings_row rows[] = {
    {"stricthostkeychecking", set_policy},
    {"userknownhostsfile", set_user_files},
    {"globalknownhostsfile", set_site_files},
    {"hostkeyalias", set_text<&connection_settings::key_alias>},
    {"revokedhostkeys",
     [](host_settings& to, std::vector<std::string> files) {
       to.also.revoked_keys = std::move(files[0]);
     }},
    {"nohostauthenticationforlocalhost",
     [](host_settings& to, const words& values) { to.also.trusts_loopback = is_yes(values); }},
    {"identityfile", set_identities},
    {"certificatefile",
     [](host_settings& to, std::vector<std::string> files) {
       std::erase_if(files, [](const std::string& file) { return lower_case(file) == "none"; });
       to.also.certificates = std::move(files);
     }},
    {"identitiesonly",
     [](host_settings& to, const words& values) {
       if (is_yes(values)) to.options.identities_only = true;
     }},
    {"identityagent",
     [](host_settings& to, std::vector<std::string> files) {
       if (to.options.agent.empty() && files[0] != "SSH_AUTH_SOCK")
         to.options.agent = std::move(files[0]);
     }},
    {"pubkeyauthentication",
     [](host_settings& to, const words& values) {
       if (values[0] == "false") set_no_keys(to);
     }},
    {"passwordauthentication",
     [](host_settings& to, const words& values) {
       if (!is_yes(values)) to.also.allows.password = false;
     }},
    {"kbdinteractiveauthentication",
     [](host_settings& to, const words& values) {
       if (!is_yes(values)) to.also.allows.keyboard = false;
     }},
    {"numberofpasswordprompts",
     [](host_settings& to, const words& values) {
       if (number_of<unsigned>(values) == 0) set_no_secrets(to);
     }},
    {"batchmode",
     [](host_settings& to, const words& values) {
       if (is_yes(values)) set_no_secrets(to);
     }},
    {"preferredauthentications", set_methods},
    {"ciphers", set_text<&connection_settings::ciphers>},
    {"macs", set_text<&connection_settings::macs>},
    {"kexalgorithms", set_text<&connection_settings::key_exchange>},
    {"hostkeyalgorithms", set_text<&connection_settings::host_key_algorithms>},
    {"pubkeyacceptedalgorithms", set_text<&connection_settings::public_key_algorithms>},
    {"requiredrsasize",
     [](host_settings& to, const words& values) {
       to.also.min_rsa_bits = number_of<std::int32_t>(values);
     }},
    {"compression",
     [](host_settings& to, const words& values) { to.also.compression = is_yes(values); }},
    {"rekeylimit", set_rekey},
    {"addressfamily", set_family},
    {"bindaddress", set_text<&connection_settings::bind_address>},
    {"connecttimeout", set_connect_timeout},
    {"connectionattempts",
     [](host_settings& to, const words& values) {
       to.also.attempts = std::max(number_of<unsigned>(values), 1u);
     }},
    {"serveraliveinterval", set_keepalive},
    {"serveralivecountmax", set_unanswered},
    {"tcpkeepalive", set_tcp_keepalive},
    {"setenv", set_variables},
    {"proxycommand",
     [](host_settings& to, const words& values) {
       bool given = !to.options.proxy_command.empty() || !to.options.unix_socket.empty() ||
                    !to.options.jump.empty();
       if (!given) to.options.proxy_command = values[0];
     }},
    {"bindinterface", need_ssh_if_given<config_place("bindinterface")>},
    {"canonicalizehostname", need_ssh_if_given<config_place("canonicalizehostname")>},
    {"forwardagent", need_ssh_if_given<config_place("forwardagent")>},
    {"gssapiauthentication", add_method_of_ssh<SSH_AUTH_METHOD_GSSAPI_MIC>},
    {"hostbasedauthentication", add_method_of_ssh<SSH_AUTH_METHOD_HOSTBASED>},
    {"knownhostscommand", need_ssh_if_given<config_place("knownhostscommand")>},
    {"proxyjump", set_jump},
    {"proxyusefdpass", need_ssh_if_given<config_place("proxyusefdpass")>},
    {"refuseconnection", need_ssh_if_given<config_place("refuseconnection")>},
    {"verifyhostkeydns", need_ssh_if_given<config_place("verifyhostkeydns")>},
};

void add_to_key(std::string& key, std::size_t place, std::string_view value) {
  key += static_cast<char>(place);
  key += value;
  key += '\0';
}

}  // namespace

std::string settings_key(const config_answer& answer) {
  std::string key;
  for (const settings_row& row : rows) {
    if (!answer.is_given(row.keyword())) continue;
    if (row.set_files != nullptr) {
      for (const std::string& file : answer.paths(row.keyword())) add_to_key(key, row.place, file);
    } else {
      for (std::string_view value : answer.values(row.keyword())) add_to_key(key, row.place, value);
    }
  }
  for (std::string_view pattern : answer.values(config_keywords[send_place]))
    add_to_key(key, send_place, pattern);
  return key;
}

bool is_made_of_host(const config_answer& answer) {
  auto has_tokens = [&answer](const settings_row& row) {
    return row.set_files != nullptr && answer.has_tokens(row.keyword());
  };
  return answer.has_final_pass() || answer.has_tokens(config_keywords[config_place("hostname")]) ||
         std::ranges::any_of(rows, has_tokens);
}

host_settings::host_settings(const ssh_options& base, const ssh_caller& by,
                             const config_answer& answer)
    : options(base) {
  for (const settings_row& row : rows) {
    if (!answer.is_given(row.keyword())) continue;
    if (row.set_files != nullptr) {
      row.set_files(*this, answer.paths(row.keyword()));
    } else {
      row.set(*this, answer.values(row.keyword()));
    }
  }
  // IdentityAgent $NAME
  if (base.agent.empty() && options.agent.starts_with('$')) {
    auto socket = by.variables().find(std::string_view(options.agent).substr(1));
    options.agent = socket.value_or("none");
  }
  words sent = answer.values(config_keywords[send_place]);
  if (sent.empty()) return;
  by.variables().visit([&](std::string_view name, std::string_view value) {
    auto same = [name](const auto& known) { return known.first == name; };
    bool wanted = std::ranges::any_of(
        sent, [name](std::string_view pattern) { return matches(pattern, name); });
    if (wanted && !std::ranges::any_of(also.variables, same))
      also.variables.emplace_back(name, value);
  });
}

}  // namespace execo::detail
