#include "execo/config.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "action/toml_outline.hpp"

namespace {

struct parser_astray {};
constexpr void hold_to(bool assumption) {
  if (!assumption) throw parser_astray();
}

}  // namespace

// Compiled in here and nowhere else: no user needs it, and no library has to be there at run time.
// Its assertions tell what it takes for granted, and broken text gets past some of them (`a = [}`):
// they are left in, and end the parsing.
#undef NDEBUG
#define TOML_ASSERT(expr) ::hold_to(static_cast<bool>(expr))
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace execo {
namespace {

// What goes into a message stands on one line, whatever it quotes.
std::string one_line(std::string_view text) {
  std::string shown;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return shown;
}

std::size_t parse_bytes(std::string_view text) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, value);
  std::string_view unit(stopped, static_cast<std::size_t>(end - stopped));
  static constexpr std::array<std::pair<std::string_view, int>, 7> units{
      {{"", 0}, {"K", 10}, {"k", 10}, {"M", 20}, {"m", 20}, {"G", 30}, {"g", 30}}};
  for (auto [name, shift] : units)
    if (error == std::errc() && unit == name &&
        value <= std::numeric_limits<std::size_t>::max() >> shift)
      return value << shift;
  throw std::invalid_argument("expected bytes: 4096, \"64K\", \"1M\" or \"1G\"");
}

constexpr std::array<std::pair<std::string_view, color_mode>, 3> colors{
    {{"auto", color_mode::automatic},
     {"always", color_mode::always},
     {"never", color_mode::never}}};
constexpr std::array<std::pair<std::string_view, host_keys>, 3> policies{
    {{"strict", host_keys::strict},
     {"accept-new", host_keys::accept_new},
     {"ignore", host_keys::ignore}}};

// One value under its key, read as what that key wants.
class entry {
 public:
  entry(const std::string& file, std::string key, const toml::node& node)
      : file_(file), key_(std::move(key)), node_(node) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw config_error(file_, node_.source().begin.line, fmt::format("{}: {}", key_, why));
  }

  std::string text() const {
    const auto* value = node_.as_string();
    if (value == nullptr) refuse("expected a text in quotes");
    if (value->get().find('\0') != std::string::npos) refuse("a NUL byte");
    return value->get();
  }

  std::vector<std::string> texts() const {
    const auto* list = node_.as_array();
    if (list == nullptr) refuse("expected a list of texts: [\"one\", \"two\"]");
    std::vector<std::string> all;
    for (const toml::node& one : *list) all.push_back(entry(file_, key_, one).text());
    return all;
  }

  std::size_t number(std::size_t least, std::size_t most) const {
    const auto* value = node_.as_integer();
    if (value == nullptr || value->get() < 0 || static_cast<std::size_t>(value->get()) < least ||
        static_cast<std::size_t>(value->get()) > most)
      refuse(fmt::format("expected a whole number from {} to {}", least, most));
    return static_cast<std::size_t>(value->get());
  }

  // "1h30m", or bare seconds.
  duration time() const {
    std::string text;
    if (const auto* whole = node_.as_integer()) text = std::to_string(whole->get());
    if (const auto* real = node_.as_floating_point()) text = fmt::format("{:.9f}", real->get());
    if (text.empty()) text = this->text();
    try {
      return parse_duration(text);
    } catch (const std::invalid_argument& error) {
      refuse(error.what());
    }
  }

  std::size_t bytes() const {
    if (node_.is_integer()) return number(0, std::numeric_limits<std::int64_t>::max());
    try {
      return parse_bytes(text());
    } catch (const std::invalid_argument& error) {
      refuse(error.what());
    }
  }

  log_level level() const {
    auto level = parse_log_level(node_.is_integer() ? std::to_string(number(0, 255)) : text());
    if (!level)
      refuse(
          "expected io_debug, loop_debug, debug, trace, detail, info, warning, error, critical "
          "or off");
    return *level;
  }

  template <class Value, std::size_t N>
  Value choice(const std::array<std::pair<std::string_view, Value>, N>& known) const {
    std::string given = text();
    std::string words;
    for (const auto& [word, value] : known) {
      if (given == word) return value;
      words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
    }
    refuse(fmt::format("'{}': choose from {}", given, words));
  }

 private:
  const std::string& file_;
  std::string key_;
  const toml::node& node_;
};

std::string home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
}

std::string with_home(std::string path) {
  if (path == "~" || path.starts_with("~/")) path.replace(0, 1, home_folder());
  return path;
}

using setter = void (*)(config&, const entry&);
struct known_key {
  std::string_view name;
  setter set;
};

constexpr std::array<known_key, 7> top_keys{{
    {"log_level", [](config& c, const entry& e) { c.log = e.level(); }},
    {"color", [](config& c, const entry& e) { c.color = e.choice(colors); }},
    {"fanout", [](config& c, const entry& e) { c.fanout = e.number(1, 1'000'000); }},
    {"timeout", [](config& c, const entry& e) { c.timeout = e.time(); }},
    {"kill_timeout", [](config& c, const entry& e) { c.kill_timeout = e.time(); }},
    {"drain_timeout", [](config& c, const entry& e) { c.drain_timeout = e.time(); }},
    {"max_output", [](config& c, const entry& e) { c.max_output = e.bytes(); }},
}};

constexpr std::array<known_key, 13> ssh_keys{{
    {"user", [](config& c, const entry& e) { c.ssh.user = e.text(); }},
    {"port", [](config& c, const entry& e) { c.ssh.port = static_cast<int>(e.number(1, 65'535)); }},
    {"identities",
     [](config& c, const entry& e) {
       c.ssh.identities = e.texts();
       for (std::string& file : c.ssh.identities) file = with_home(std::move(file));
     }},
    {"host_keys", [](config& c, const entry& e) { c.ssh.host_key_policy = e.choice(policies); }},
    {"known_hosts", [](config& c, const entry& e) { c.ssh.known_hosts = with_home(e.text()); }},
    {"key_exchange", [](config& c, const entry& e) { c.ssh.key_exchange = e.texts(); }},
    {"handshakes",
     [](config& c, const entry& e) {
       c.ssh.handshakes = static_cast<unsigned>(e.number(1, 65'535));
     }},
    {"connect_timeout", [](config& c, const entry& e) { c.ssh.limits.establish = e.time(); }},
    {"resolve_limit", [](config& c, const entry& e) { c.ssh.limits.resolve = e.time(); }},
    {"connect_limit", [](config& c, const entry& e) { c.ssh.limits.connect = e.time(); }},
    {"kex_limit", [](config& c, const entry& e) { c.ssh.limits.kex = e.time(); }},
    {"auth_limit", [](config& c, const entry& e) { c.ssh.limits.auth = e.time(); }},
    {"open_limit", [](config& c, const entry& e) { c.ssh.limits.open = e.time(); }},
}};

std::string names_of(std::span<const known_key> keys) {
  std::string names;
  for (const known_key& k : keys) names += fmt::format("{}{}", names.empty() ? "" : ", ", k.name);
  return names;
}

void read_table(config& to, const toml::table& table, std::span<const known_key> keys,
                const std::string& prefix, const std::string& file) {
  for (const auto& [key, node] : table) {
    std::string name = prefix + std::string(key.str());
    if (prefix.empty() && key.str() == "ssh") {
      const toml::table* inner = node.as_table();
      if (inner == nullptr) entry(file, name, node).refuse("expected a table: [ssh]");
      read_table(to, *inner, ssh_keys, "ssh.", file);
      continue;
    }
    auto known = std::ranges::find(keys, key.str(), &known_key::name);
    if (known == keys.end())
      throw config_error(file, key.source().begin.line,
                         fmt::format("unknown key '{}'; known here: {}{}", name, names_of(keys),
                                     prefix.empty() ? ", [ssh]" : ""));
    known->set(to, entry(file, name, node));
  }
}

std::string read_file(const std::string& path) {
  constexpr std::size_t longest = std::size_t{1} << 20;
  auto failed = [&] {
    return config_error(path, 0, "cannot be read: " + std::generic_category().message(errno));
  };
  auto close = [](std::FILE* f) { (void)std::fclose(f); };  // nothing was written
  std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "re"), close);
  if (!file) throw failed();
  std::string text(longest + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) throw failed();
  if (text.size() > longest) throw config_error(path, 0, "longer than 1 MiB");
  return text;
}

}  // namespace

config::config() = default;

config_error::config_error(std::string file, std::size_t line, const std::string& what)
    : std::runtime_error(
          one_line(line != 0 ? fmt::format("{}:{}: {}", file, line, what) : file + ": " + what)),
      file_(std::move(file)),
      line_(line) {}

std::string config_path() {
  if (const char* named = std::getenv("EXECO_CONFIG")) return named;
  const char* base = std::getenv("XDG_CONFIG_HOME");
  // The base directory specification has relative ones ignored.
  if (base != nullptr && *base == '/') return std::string(base) + "/execo/config.toml";
  std::string home = home_folder();
  return home.empty() ? home : home + "/.config/execo/config.toml";
}

config load_config() {
  std::string path = config_path();
  bool named = std::getenv("EXECO_CONFIG") != nullptr;
  struct stat about {};
  if (path.empty() ||
      (!named && ::stat(path.c_str(), &about) != 0 && (errno == ENOENT || errno == ENOTDIR)))
    return config();
  return load_config(path);
}

config load_config(const std::string& path) {
  config made = parse_config(read_file(path), path);
  made.file = path;
  return made;
}

config parse_config(std::string_view text, std::string name) {
  if (auto bad = detail::find_outline_error(text)) throw config_error(name, bad->line, bad->what);
  toml::table parsed;
  try {
    parsed = toml::parse(text, std::string_view(name));
  } catch (const toml::parse_error& error) {
    throw config_error(name, error.source().begin.line, std::string(error.description()));
  } catch (const parser_astray&) {
    throw config_error(name, 0, "a bracket or a quote that does not belong where it is");
  }
  config made;
  read_table(made, parsed, top_keys, "", name);
  return made;
}

}  // namespace execo
