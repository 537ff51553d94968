#include "ssh/config_answer.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/machine_name.hpp"
#include "execo/printable.hpp"
#include "execo/ssh_config.hpp"
#include "hosts/wildcard.hpp"
#include "ssh/config_values.hpp"
#include "ssh/dotted_quad.hpp"
#include "ssh/host_blocks.hpp"
#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t host_name = config_place("hostname");
constexpr std::size_t user_name = config_place("user");
constexpr std::size_t port_place = config_place("port");
constexpr std::size_t alias_place = config_place("hostkeyalias");
constexpr std::size_t jump_place = config_place("proxyjump");
constexpr std::size_t proxy_place = config_place("proxycommand");
constexpr std::size_t known_hosts_place = config_place("userknownhostsfile");
constexpr std::size_t canonical_place = config_place("canonicalizehostname");
constexpr std::size_t family_place = config_place("addressfamily");

constexpr auto usual_identities = std::to_array<std::string_view>(
    {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ecdsa_sk", "~/.ssh/id_ed25519",
     "~/.ssh/id_ed25519_sk", "~/.ssh/id_xmss", "~/.ssh/id_dsa"});

// ssh leaves what may be an address in its letters.
bool looks_like_address(std::string_view host) {
  return host.find_first_of("%:") != host.npos ||
         host.find_first_not_of("0123456789.") == host.npos;
}

// 127.1 is 127.0.0.1, ::0:1 is ::1, unless AddressFamily leaves such addresses out.
std::string plain_address(const std::string& host, std::string_view family) {
  in_addr four{};
  in6_addr six{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family != "inet6" && ::inet_aton(host.c_str(), &four) == 1) return dotted_quad(four);
  if (family != "inet" && ::inet_pton(AF_INET6, host.c_str(), &six) == 1)
    return ::inet_ntop(AF_INET6, &six, text.data(), text.size());
  return host;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    words.push_back(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

}  // namespace

std::string settled_host(const std::string& host, std::string_view family) {
  return looks_like_address(host) ? plain_address(host, family) : lower_case(host);
}

config_caller config_caller::of(const ssh_caller& by) {
  config_caller made;
  made.user = by.user();
  made.id = std::to_string(::getuid());
  made.home = by.home();
  made.machine = machine_name();
  made.variables = by.variables();
  return made;
}

bool config_commands::holds(const std::string& command) {
  if (!check_) return false;
  auto known = known_.find(command);
  if (known == known_.end()) known = known_.emplace(command, check_(command)).first;
  return known->second;
}

config_answer::config_answer(const config_lines& lines, const config_caller& caller,
                             config_commands& commands, std::string_view destination)
    : lines_(lines), caller_(caller), commands_(commands), found_(config_keywords.size()) {
  try {
    read_destination(destination);
    find_values();
  } catch (const config_value_error& error) {
    throw ssh_config_error(fmt::format("{}: {}", printable(destination), error.what()));
  }
}

config_answer::config_answer(const config_lines& lines, const config_caller& caller,
                             config_commands& commands, const fixed_destination& destination)
    : lines_(lines), caller_(caller), commands_(commands), found_(config_keywords.size()) {
  given_host_ = host_ = destination.host;
  given_user_ = destination.user;
  if (destination.port != 0) given_port_ = std::to_string(destination.port);
  if (!given_user_.empty()) found_[user_name] = {given_user_};
  if (!given_port_.empty()) found_[port_place] = {given_port_};
  try {
    find_values();
  } catch (const config_value_error& error) {
    throw ssh_config_error(fmt::format("{}: {}", printable(given_host_), error.what()));
  }
}

void config_answer::find_values() {
  read_lines();
  host_ = renamed_host();
  std::string_view canonical = first(canonical_place);
  if (wants_final_pass_ || (!canonical.empty() && canonical != "false")) {
    pass_ = pass::final;
    has_final_pass_ = true;
    read_lines();
  }
  finish();
}

// user@ and :port hold as options of a command line do, behind those that it has.
void config_answer::read_destination(std::string_view destination) {
  std::string_view host = destination;
  if (destination.starts_with("ssh://")) {
    std::optional<ssh_destination> read = read_ssh_address(destination);
    if (!read) throw config_value_error("not an address such as ssh://user@host:port");
    given_user_ = read->user;
    given_port_ = read->port;
    given_host_ = read->host;
  } else {
    std::size_t at = host.rfind('@');
    if (at != host.npos) {
      given_user_ = host.substr(0, at);
      host.remove_prefix(at + 1);
    }
    given_host_ = host;
  }
  if (given_host_.empty() || given_host_[0] == '-')
    throw config_value_error("not the name of a host");
  host_ = given_host_;
}

std::string_view config_answer::first(std::size_t place) const {
  return found_[place].empty() ? std::string_view() : found_[place][0];
}

std::string config_answer::renamed_host() const {
  std::string_view name = first(host_name);
  std::string host = host_;
  if (!name.empty()) {
    config_tokens known;
    known.host = host_;
    host = known.expanded(name, "h");
  }
  return settled_host(host, first(family_place));
}

void config_answer::read_lines() {
  block now = block::holds;
  std::vector<block> outside;
  bool from_files = false;
  for (const config_line& line : lines_.lines()) {
    if (!from_files && line.number != 0) {
      // What the destination names comes behind the options and before the files.
      from_files = true;
      if (!given_user_.empty() && found_[user_name].empty()) found_[user_name] = {given_user_};
      if (!given_port_.empty() && found_[port_place].empty()) found_[port_place] = {given_port_};
    }
    switch (line.kind) {
      case config_line::what::value:
        if (now == block::holds) apply(line);
        break;
      case config_line::what::unknown:
        check_known(line);
        break;
      case config_line::what::host:
        if (now != block::never) now = has_host(line, host_) ? block::holds : block::ends;
        break;
      case config_line::what::match:
        note_final_pass(line);
        if (now != block::never) now = matches(line) ? block::holds : block::ends;
        break;
      case config_line::what::file_begins:
        outside.push_back(now);
        if (now == block::ends) now = block::never;
        break;
      case config_line::what::file_ends:
        now = outside.back();
        outside.pop_back();
        break;
    }
  }
}

void config_answer::apply(const config_line& line) {
  std::size_t place = config_place(*line.keyword);
  std::vector<std::string_view>& slot = found_[place];
  if ((line.keyword->traits & adds) != 0) return append(line);
  if (place == jump_place || place == proxy_place) {
    // The first of the two holds, also as `none`.
    if (!found_[jump_place].empty() || !found_[proxy_place].empty()) return;
  }
  if (slot.empty()) {
    slot.assign(line.values.begin(), line.values.end());
  } else if (line.keyword->kind == config_kind::rekey && slot.size() < line.values.size()) {
    slot.push_back(line.values[1]);
  }
}

void config_answer::append(const config_line& line) {
  std::vector<std::string_view>& slot = found_[config_place(*line.keyword)];
  bool variables = line.keyword->kind == config_kind::send;
  for (const std::string& value : line.values) {
    if (variables && value[0] == '-') {
      std::string_view removed = std::string_view(value).substr(1);
      std::erase_if(slot, [&](std::string_view name) { return detail::matches(removed, name); });
    } else if (variables || std::ranges::find(slot, value) == slot.end()) {
      slot.push_back(value);
    }
  }
}

void config_answer::check_known(const config_line& line) const {
  std::string_view ignored = first(config_place("ignoreunknown"));
  if (matches_pattern_list(line.values[0], lower_case(ignored))) return;
  throw ssh_config_error(
      fmt::format("{}: '{}' is not a keyword of ssh_config(5); IgnoreUnknown {} before this line "
                  "skips it",
                  lines_.place(line), printable(line.values[0]), printable(line.values[0])));
}

// Also where the line decides nothing, as ssh does.
void config_answer::note_final_pass(const config_line& line) {
  for (const config_criterion& one : line.criteria)
    if (one.kind == config_criterion::what::wants_final_pass) wants_final_pass_ = true;
}

bool config_answer::matches(const config_line& line) {
  bool holds = true;
  for (const config_criterion& one : line.criteria) {
    if (holds && matches(line, one) == one.negated) holds = false;
  }
  return holds;
}

bool config_answer::matches(const config_line& line, const config_criterion& one) {
  using what = config_criterion::what;
  auto is_in = [&](std::string_view name) { return matches_pattern_list(name, one.argument); };
  auto is_host = [&](std::string_view name) { return is_in(lower_case(name)); };
  switch (one.kind) {
    case what::all:
      return true;
    case what::final_pass:
    case what::wants_final_pass:
      return pass_ == pass::final;
    case what::host:
      return is_host(tokens_now().host);
    case what::original_host:
      return is_host(given_host_);
    case what::user:
      return is_in(tokens_now().user);
    case what::local_user:
      return is_in(caller_.user);
    case what::tagged:
      return is_in(first(config_place("tag")));
    case what::command:
      break;
  }
  try {
    return commands_.holds(tokens_now().expanded(one.argument, all_config_tokens));
  } catch (const config_value_error& error) {
    throw ssh_config_error(fmt::format("{}: match exec {}", lines_.place(line), error.what()));
  }
}

// Lines further down may change it: a condition sees what stands above.
std::string config_answer::host_now() const {
  // After the first pass the name is settled.
  return pass_ == pass::final || first(host_name).empty() ? host_ : renamed_host();
}

std::string_view config_answer::user_now() const {
  return first(user_name).empty() ? std::string_view(caller_.user) : first(user_name);
}

config_tokens config_answer::tokens_now() const {
  config_tokens now;
  now.host = host_now();
  now.given_host = given_host_;
  now.key_alias = first(alias_place).empty() ? now.host : lower_case(first(alias_place));
  now.port = first(port_place).empty() ? "22" : first(port_place);
  now.user = user_now();
  now.local_user = caller_.user;
  now.local_id = caller_.id;
  now.local_host = caller_.machine;
  now.home = caller_.home;
  now.variables = &caller_.variables;
  return now;
}

void config_answer::finish() {
  if (!given_user_.empty() && found_[user_name].empty()) found_[user_name] = {given_user_};
  if (!given_port_.empty() && found_[port_place].empty()) found_[port_place] = {given_port_};
  pass_ = pass::final;
  tokens_ = tokens_now();
  if (first(config_place("connectionattempts")) == "0")
    throw config_value_error("connectionattempts '0': one attempt is the least");
}

bool config_answer::has_tokens(const config_keyword& keyword) const {
  return std::ranges::any_of(found_[config_place(keyword)],
                             [](std::string_view value) { return value.find('%') != value.npos; });
}

bool config_answer::is_unset(const config_keyword& keyword,
                             const std::vector<std::string_view>& given) const {
  if (given.empty()) return true;
  bool may_be_none = (keyword.traits & none_is_unset) != 0 || config_place(keyword) == jump_place;
  return may_be_none && lower_case(given[0]) == "none";
}

// ssh does not learn keys from servers into files that it did not choose itself, nor beside DNS.
bool config_answer::learns_keys() const {
  std::string_view dns = first(config_place("verifyhostkeydns"));
  return found_[known_hosts_place].empty() && (dns.empty() || dns == "false");
}

std::vector<std::string_view> config_answer::values(const config_keyword& keyword) const {
  std::size_t place = config_place(keyword);
  const std::vector<std::string_view>& given = found_[place];
  if (place == user_name) return {tokens_.user};
  if (place == host_name) return {tokens_.host};
  if (place == alias_place && !given.empty()) return {tokens_.key_alias};
  if (!is_unset(keyword, given)) {
    if (keyword.kind == config_kind::rekey && given.size() == 1) return {given[0], "0"};
    return given;
  }
  if (keyword.name == "identityfile") return {usual_identities.begin(), usual_identities.end()};
  if (keyword.name == "updatehostkeys" && !learns_keys()) return {"false"};
  return words_of(keyword.unset);
}

std::string config_answer::expanded(const config_keyword& keyword, std::string_view value) const {
  bool as_it_is = value == "none" || value == "SSH_AUTH_SOCK" ||
                  (keyword.kind == config_kind::agent && (value == "yes" || value == "no"));
  if (as_it_is) return std::string(value);
  if (keyword.kind == config_kind::rest) return tokens_.expanded(value, all_config_tokens);
  return tokens_.expanded_path(value);
}

std::vector<std::string> config_answer::paths(const config_keyword& keyword) const {
  std::vector<std::string> found;
  try {
    for (std::string_view value : values(keyword)) found.push_back(expanded(keyword, value));
  } catch (const config_value_error& error) {
    throw ssh_config_error(
        fmt::format("{}: {} {}", printable(given_host_), keyword.name, error.what()));
  }
  return found;
}

std::vector<std::string> config_answer::shown(const config_keyword& keyword) const {
  std::vector<std::string> values_shown;
  bool stands_in_table = found_[config_place(keyword)].empty() && keyword.traits == 0 &&
                         keyword.name != "updatehostkeys" && !keyword.unset.empty();
  if (stands_in_table) {
    values_shown.emplace_back(keyword.unset);
    return values_shown;
  }
  if ((keyword.traits & shown_expanded) != 0) {
    values_shown = paths(keyword);
  } else {
    for (std::string_view value : values(keyword)) values_shown.emplace_back(value);
  }
  bool line_each = (keyword.traits & adds) != 0 || keyword.kind == config_kind::assign;
  if (line_each || values_shown.empty()) return values_shown;
  if (values_shown.size() > 1)
    values_shown.assign(1, fmt::format("{}", fmt::join(values_shown, " ")));
  return values_shown;
}

}  // namespace execo::detail
