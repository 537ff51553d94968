#include "ssh/openssh_words.hpp"

#include <chrono>

#include "base/shell_words.hpp"
#include "ssh/config_values.hpp"
#include "ssh/hop.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view null_file = "/dev/null";

// Of a path or a program: ssh replaces %-tokens in it.
std::string without_tokens(std::string_view given) {
  std::string text;
  for (char c : given) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

class option_list {
 public:
  void add(std::string_view name, std::string_view value) {
    words_.emplace_back("-o");
    words_.push_back(config_option(name, value));
  }
  void add_seconds(std::string_view name, duration time) {
    add(name, std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()));
  }
  /// The rest of the line as it is, quotes included.
  void add_rest(std::string_view name, std::string_view rest) {
    words_.emplace_back("-o");
    words_.push_back(std::string(name) + "=" + std::string(rest));
  }
  std::vector<std::string>& words() noexcept { return words_; }

 private:
  std::vector<std::string> words_;
};

// What an action leaves open ssh reads from its files by itself.
void add_config(option_list& to, const ssh_options& options, const ssh_caller& by) {
  const std::string& file = options.config_file;
  if (file.empty()) return;
  to.words().insert(to.words().end(), {"-F", file == "none" ? file : by.path_of(file)});
}

void add_config_lines(option_list& to, const ssh_options& options) {
  for (const std::string& line : options.config_lines)
    to.words().insert(to.words().end(), {"-o", line});
}

void add_host_keys(option_list& to, const ssh_options& options, const ssh_caller& by) {
  bool ignored = options.host_key_policy == host_keys::ignore;
  bool named = !options.known_hosts.empty();
  bool accepts_new = options.host_key_policy == host_keys::accept_new;
  if (options.host_key_policy)
    to.add("StrictHostKeyChecking", ignored ? "no" : accepts_new ? "accept-new" : "yes");
  if (ignored || named) {
    std::string own = by.path_of(options.known_hosts);
    to.add("UserKnownHostsFile", ignored ? null_file : without_tokens(own));
    to.add("GlobalKnownHostsFile", null_file);
  }
  to.add("UpdateHostKeys", "no");
  to.add("HashKnownHosts", "no");
}

void add_identities(option_list& to, const ssh_options& options, const ssh_caller& by) {
  if (!options.agent.empty())
    to.add("IdentityAgent",
           options.agent == "none" ? options.agent : without_tokens(by.path_of(options.agent)));
  if (options.identities_only) to.add("IdentitiesOnly", "yes");
  for (const std::string& file : options.identities)
    to.add("IdentityFile", without_tokens(by.path_of(file)));
  for (const std::string& file : options.certificates)
    to.add("CertificateFile", without_tokens(by.path_of(file)));
}

void add_limits(option_list& to, const ssh_options& options) {
  // Ours come first, and say in which phase.
  duration connect = options.limits.connect;
  if (connect.count() == 0) connect = options.limits.establish.value_or(duration(0));
  if (connect.count() > 0) to.add_seconds("ConnectTimeout", connect + std::chrono::seconds(1));
  if (options.tcp_keepalive)
    to.add("TCPKeepAlive", options.tcp_keepalive->count() > 0 ? "yes" : "no");
  if (!options.keepalive) return;
  to.add_seconds("ServerAliveInterval", *options.keepalive);
  to.add("ServerAliveCountMax", "3");
}

void add_common(option_list& to, const ssh_options& options, const ssh_caller& by) {
  add_config(to, options, by);
  // Of a configuration, which the first value of an option takes precedence over.
  to.add("ControlPersist", "no");
  to.add("PermitLocalCommand", "no");
  to.add("ClearAllForwardings", "yes");
  to.add("EscapeChar", "none");
  add_host_keys(to, options, by);
  add_identities(to, options, by);
  add_limits(to, options);
  std::string list;
  for (const std::string& name : options.key_exchange) list += (list.empty() ? "" : ",") + name;
  if (!list.empty()) to.add("KexAlgorithms", list);
}

// A list of hosts is not given as ssh's own: those would not get our options.
std::string way_through(const ssh_options& options, const ssh_caller& by) {
  std::string way;
  for (const std::string& hop : options.jump) {
    option_list to;
    to.add("ControlMaster", "no");
    to.add("ControlPath", "none");
    // With less it does not say why it has no connection.
    to.add("LogLevel", "INFO");
    to.add("BatchMode", "yes");
    if (!way.empty()) to.add_rest("ProxyCommand", way);
    add_common(to, options, by);
    add_config_lines(to, options);
    ssh_destination read = read_ssh_address(hop).value();
    std::vector<std::string> words{"ssh", "-T"};
    words.insert(words.end(), to.words().begin(), to.words().end());
    if (!read.port.empty()) words.insert(words.end(), {"-p", read.port});
    if (!read.user.empty()) words.insert(words.end(), {"-l", read.user});
    words.emplace_back("-W");
    way = without_tokens(join_quoted(words)) + " " + quote_word("[%h]:%p") + " -- " +
          without_tokens(quote_word(read.host));
  }
  return way;
}

std::vector<std::string> options_for_all(const ssh_options& options, const ssh_caller& by) {
  option_list to;
  add_common(to, options, by);
  if (!options.proxy_command.empty()) to.add_rest("ProxyCommand", options.proxy_command);
  if (!options.jump.empty()) to.add_rest("ProxyCommand", way_through(options, by));
  add_config_lines(to, options);
  return to.words();
}

}  // namespace

std::string config_option(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text += '"';
}

openssh_setup::openssh_setup(const ssh_options& options, const ssh_caller& by,
                             std::shared_ptr<const surroundings> variables)
    : around(std::move(variables)),
      prompts(options),
      ignores_host_keys(options.host_key_policy == host_keys::ignore),
      accepts_new_keys(options.host_key_policy == host_keys::accept_new),
      max_retries(options.max_retries),
      caller_(by.user()),
      user_(options.user),
      port_(options.port) {
  check_routes(options);
  options_ = options_for_all(options, by);
}

std::string_view openssh_setup::why_not(const ssh_options& options) noexcept {
  if (options.lease.count() > 0) return "a lease of commands";
  return options.unix_socket.empty() ? "" : "a unix socket as the way to a host";
}

std::vector<std::string> openssh_setup::words(const host& where, const std::string& log,
                                              const std::string& control, bool terminal,
                                              std::string text) const {
  std::vector<std::string> words = first_words(log, control, terminal ? "-tt" : "-T");
  add_way(words, where);
  words.push_back(std::move(text));
  return words;
}

std::vector<std::string> openssh_setup::words_to_subsystem(const host& where,
                                                           const std::string& log,
                                                           const std::string& control,
                                                           std::string name) const {
  std::vector<std::string> words = first_words(log, control, "-T");
  words.emplace_back("-s");
  add_way(words, where);
  words.push_back(std::move(name));
  return words;
}

std::vector<std::string> openssh_setup::first_words(const std::string& log,
                                                    const std::string& control,
                                                    const char* how) const {
  std::vector<std::string> words{"ssh", "-E", log, how};
  option_list own;
  own.add("LogLevel", "DEBUG2");
  own.add("ControlMaster", control.empty() ? "no" : "yes");
  own.add("ControlPath", control.empty() ? "none" : control);
  words.insert(words.end(), own.words().begin(), own.words().end());
  add_questions(words);
  return words;
}

// What is not forbidden here a configuration may forbid.
void openssh_setup::add_questions(std::vector<std::string>& words) const {
  option_list own;
  if (!prompts.has_any()) own.add("BatchMode", "yes");
  // One that is made up for the sake of old versions shows no windows.
  if (prompts.has_any() && !has_display()) own.add("ForwardX11", "no");
  bool has_password = static_cast<bool>(prompts.password);
  if (prompts.has_any() && !has_password) own.add("PasswordAuthentication", "no");
  if (prompts.passphrase && !has_password && !prompts.one_time_code)
    own.add("KbdInteractiveAuthentication", "no");
  words.insert(words.end(), own.words().begin(), own.words().end());
}

std::vector<std::string> openssh_setup::forward_words(const host& where, const std::string& log,
                                                      std::string kind, std::string what) const {
  std::vector<std::string> words{"ssh", "-E", log, "-T", "-N", std::move(kind), std::move(what)};
  option_list own;
  own.add("LogLevel", "DEBUG2");
  own.add("BatchMode", "yes");
  own.add("ControlMaster", "no");
  own.add("ControlPath", "none");
  own.add("ExitOnForwardFailure", "yes");
  // The first value counts: what all others are given would clear this one.
  own.add("ClearAllForwardings", "no");
  own.add("StreamLocalBindUnlink", "no");
  own.add("StreamLocalBindMask", "0177");
  words.insert(words.end(), own.words().begin(), own.words().end());
  add_way(words, where);
  return words;
}

std::vector<std::string> openssh_setup::words_to(const host& where) const {
  std::vector<std::string> words{"ssh", "-T"};
  option_list own;
  own.add("BatchMode", "yes");
  own.add("ControlMaster", "no");
  own.add("ControlPath", "none");
  words.insert(words.end(), own.words().begin(), own.words().end());
  add_way(words, where);
  return words;
}

void openssh_setup::add_way(std::vector<std::string>& words, const host& where) const {
  words.insert(words.end(), options_.begin(), options_.end());
  if (int port = given_port(where); port != 0)
    words.insert(words.end(), {"-p", std::to_string(port)});
  if (const std::string& user = given_user(where); !user.empty())
    words.insert(words.end(), {"-l", user});
  words.insert(words.end(), {"--", where.name()});
}

std::vector<std::string> openssh_setup::words_over(const std::string& control, const host& where,
                                                   std::string text) {
  option_list own;
  own.add("ControlMaster", "no");
  own.add("ControlPath", control);
  // Without the connection it does not make one of its own.
  own.add("ProxyCommand", "false");
  own.words().back() = "ProxyCommand=false";
  own.add("BatchMode", "yes");
  std::vector<std::string> words{"ssh", "-F", "none", "-q", "-T"};
  words.insert(words.end(), own.words().begin(), own.words().end());
  words.insert(words.end(), {"--", where.name(), std::move(text)});
  return words;
}

}  // namespace execo::detail
