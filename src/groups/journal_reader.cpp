#include "groups/journal_reader.hpp"

#include <errno.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>

#include "execo/printable.hpp"

namespace execo::detail {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 6> state_words{"failed", "unknown", "not_started",
                                                      "ok",     "done",    "all"};

std::optional<end_reason> end_reason_of(std::string_view word) {
  for (std::size_t i = 0; i < end_reason_count; ++i)
    if (to_string(static_cast<end_reason>(i)) == word) return static_cast<end_reason>(i);
  return std::nullopt;
}

// Records of one file, in order.
class journal_reader {
 public:
  explicit journal_reader(const std::string& name) : name_(name) {}

  void read(const std::string& line) {
    ++number_;
    const json record = json::parse(line, nullptr, false);
    if (!record.is_object()) damaged("is no record");
    if (number_ == 1) return read_first(record);
    const std::string kind = text_of(record, "record");
    if (kind != "attempt" && kind != "end") return;
    const std::size_t index = index_of(record);
    made_.under_way[index] = kind == "attempt";
    if (kind == "attempt") return read_attempt(made_.entries[index]);
    read_end(record, made_.entries[index]);
  }

  journal_content take() && { return std::move(made_); }

 private:
  [[noreturn]] void damaged(const std::string& why) const {
    throw journal_error(
        journal_errc::damaged,
        fmt::format("{}: line {} {}: the file is damaged, or is no journal", name_, number_, why));
  }

  const json& member(const json& of, const char* key) const {
    const auto found = of.find(key);
    if (found == of.end()) damaged(fmt::format("has no \"{}\"", key));
    return *found;
  }

  // Text that is not UTF-8 is a list of bytes.
  std::string text_of(const json& value) const {
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_array()) damaged("has something else where a text is expected");
    std::string text;
    for (const json& byte : value) {
      if (!byte.is_number_unsigned() || byte.get<std::uint64_t>() > 255)
        damaged("has something else where a byte is expected");
      text.push_back(static_cast<char>(byte.get<std::uint64_t>()));
    }
    return text;
  }
  std::string text_of(const json& of, const char* key) const { return text_of(member(of, key)); }

  void read_first(const json& record) {
    if (text_of(record, "record") != "run") damaged("is not the first record of a run");
    const json& schema = member(record, "schema");
    if (schema != journal_schema)
      throw journal_error(
          journal_errc::damaged,
          fmt::format("{}: a journal of version {}, and this program knows version {}: use the "
                      "execo that wrote it, {}",
                      name_, printable(schema.dump(-1, ' ', true, json::error_handler_t::replace)),
                      journal_schema, printable(text_of(record, "execo"))));
    made_.version = text_of(record, "execo");
    made_.began = text_of(record, "began");
    made_.command = text_of(record, "command");
    made_.directory = text_of(record, "directory");
    for (const json& word : member(record, "arguments")) made_.arguments.push_back(text_of(word));
    for (const auto& [name, value] : member(record, "connection").items())
      made_.connection[name] = text_of(value);
    read_hosts(member(record, "hosts"));
  }

  void read_hosts(const json& list) {
    made_.hosts.reserve(list.size());
    for (const json& name : list) {
      try {
        made_.hosts.emplace_back(text_of(name));
      } catch (const std::invalid_argument& error) {
        damaged(fmt::format("has a name that is no host's: {}", printable(error.what())));
      }
    }
    made_.entries.resize(made_.hosts.size());
    made_.under_way.resize(made_.hosts.size());
  }

  std::size_t index_of(const json& record) const {
    const json& index = member(record, "index");
    if (!index.is_number_unsigned() || index.get<std::uint64_t>() >= made_.entries.size())
      damaged("is of a host that the run does not have");
    return index.get<std::size_t>();
  }

  static void read_attempt(journal_entry& entry) {
    const unsigned attempts = entry.attempts + 1;
    entry = journal_entry();
    entry.attempts = attempts;
    entry.state = journal_state::unknown;
  }

  void read_end(const json& record, journal_entry& entry) const {
    const std::string word = text_of(record, "end");
    entry.how = end_reason_of(word);
    entry.ok = record.value("ok", json(false)) == json(true);
    entry.code.reset();
    if (const auto code = record.find("code"); code != record.end() && code->is_number_integer())
      entry.code = code->get<int>();
    entry.state = state_after(record, word, entry.how);
    if (entry.state != journal_state::done) entry.ok = false;
  }

  // A run that was stopped has not begun with all of its hosts.
  static journal_state state_after(const json& record, const std::string& word,
                                   std::optional<end_reason> how) {
    if (word == "unknown") return journal_state::unknown;
    const bool was_stopped = how == end_reason::not_started || how == end_reason::cancelled;
    const bool did_not_run = record.value("begun", json()) == json("no");
    return was_stopped && did_not_run ? journal_state::not_started : journal_state::done;
  }

  const std::string& name_;
  journal_content made_;
  std::size_t number_ = 0;
};

}  // namespace

journal_content read_journal(std::istream& from, const std::string& name) {
  journal_reader reader(name);
  std::uint64_t size = 0;
  for (std::string line; std::getline(from, line) && !from.eof(); size += line.size() + 1)
    reader.read(line);
  if (from.bad())
    throw journal_error(journal_errc::unreadable, fmt::format("{}: it cannot be read", name));
  if (size == 0)
    throw journal_error(journal_errc::damaged,
                        fmt::format("{}: it has no record, so nothing was run: remove the file and "
                                    "begin again",
                                    name));
  journal_content made = std::move(reader).take();
  made.size = size;
  return made;
}

journal_content read_journal(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  std::error_code error;
  if (std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error))
    throw journal_error(journal_errc::damaged, fmt::format("{}: no journal, and no file", name));
  std::ifstream from(file, std::ios::binary);
  if (!from)
    throw journal_error(journal_errc::unreadable,
                        fmt::format("{}: {}", name, std::generic_category().message(errno)));
  return read_journal(from, name);
}

bool is_in_state(const journal_entry& entry, std::string_view state) {
  const bool done = entry.state == journal_state::done;
  if (state == "all") return true;
  if (state == "done") return done;
  if (state == "ok") return done && entry.ok;
  if (state == "failed") return done && !entry.ok;
  if (state == "unknown") return entry.state == journal_state::unknown;
  if (state == "not_started") return entry.state == journal_state::not_started;
  throw std::invalid_argument(fmt::format("no state of a run: {}; there are {}", printable(state),
                                          fmt::join(state_words, ", ")));
}

std::vector<std::string> journal_states() { return {state_words.begin(), state_words.end()}; }

}  // namespace execo::detail
