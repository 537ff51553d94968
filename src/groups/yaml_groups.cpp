// Group files use little of YAML: sources, each a mapping of groups to a text or a list of texts.
// Anything else is an error with its line, never a wrong group. The parser's events are read, not
// its tree: what does not belong there ends the parse at once, so no file nests deep or expands.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "groups/group_files.hpp"

namespace execo::detail {

namespace {

using sources = std::vector<std::pair<std::string, group_table>>;

[[noreturn]] void fail(std::size_t line, std::string why) {
  std::ranges::replace(why, '\n', ' ');  // a name may have any number of lines, an error has one
  throw source_failure("line " + std::to_string(line) + ": " + why);
}

[[noreturn]] void fail(const YAML::Mark& mark, const std::string& why) {
  fail(static_cast<std::size_t>(std::max(mark.line, 0)) + 1, why);
}

// The parser leaves out NUL and takes EOT for an end, and a name would silently be another one.
void refuse_control_characters(std::string_view text) {
  const auto is_control = [](char c) {
    return c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r';
  };
  const auto found = std::ranges::find_if(text, is_control);
  if (found == text.end()) return;
  const auto lines = std::count(text.begin(), found, '\n');
  fail(static_cast<std::size_t>(lines) + 1, "a control character");
}

class group_reader final : public YAML::EventHandler {
 public:
  [[nodiscard]] sources take() { return std::move(sources_); }
  [[nodiscard]] const YAML::Mark& last_name() const { return name_mark_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The parser does not consume text that begins no document, and would report it again and
    // again.
    if (mark.pos == document_at_) fail(mark, "no 'source: groups' here");
    document_at_ = mark.pos;
  }
  void OnDocumentEnd() override {}

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    check_tag(mark, tag, "str");
    if (awaits_name()) {
      begin_entry(mark, tag == plain, text);
    } else if (place_ == place::groups) {
      groups()[name_] = text;
      end_entry();
    } else if (place_ == place::list) {
      append(text);
    } else {
      refuse(mark);
    }
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (place_ == place::document) return;
    if (awaits_name()) fail(mark, "the name null is not a string (add quotes?)");
    if (place_ == place::list) fail(mark, "an empty item in the list");
    // The parser lets a name without ':' pass, with a null in the same place.
    if (mark.pos == name_mark_.pos) fail(mark, "no ':' after the name \"" + name_ + '"');
    if (place_ == place::groups) {
      groups()[name_].clear();
    } else {
      sources_.emplace_back(name_, group_table{});
    }
    end_entry();
  }

  // Upstream reads aliases; a few lines of them can be more hosts than memory holds.
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "no alias can be used here: write the hosts, between quotes");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "seq");
    if (place_ != place::groups || awaits_name()) refuse(mark);
    groups()[name_].clear();
    place_ = place::list;
  }

  void OnSequenceEnd() override {
    place_ = place::groups;
    end_entry();
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "map");
    if (place_ == place::document) {
      place_ = place::sources;
    } else if (place_ == place::sources && !awaits_name()) {
      sources_.emplace_back(name_, group_table{});
      place_ = place::groups;
      end_entry();
    } else {
      refuse(mark);
    }
  }

  void OnMapEnd() override { place_ = place_ == place::groups ? place::sources : place::document; }

 private:
  enum class place { document, sources, groups, list };
  static constexpr std::string_view plain = "?";  // the tag of a text without quotes and tag

  // A tag asks for what no group file means: numbers, binary, objects of a program.
  static void check_tag(const YAML::Mark& mark, const std::string& tag, const char* usual) {
    if (tag.empty() || tag == plain || tag == "!") return;
    if (tag != std::string{"tag:yaml.org,2002:"} + usual) fail(mark, "no tag can be used here");
  }

  bool awaits_name() const {
    return !has_name_ && (place_ == place::sources || place_ == place::groups);
  }

  group_table& groups() { return sources_.back().second; }

  void begin_entry(const YAML::Mark& mark, bool is_plain, const std::string& name) {
    // YAML reads such a name as a number: then it is not the name that was meant.
    if (is_plain && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      fail(mark, "the name " + name + " is not a string (add quotes?)");
    }
    const bool known =
        place_ == place::groups
            ? groups().contains(name)
            : std::ranges::find(sources_, name, &sources::value_type::first) != sources_.end();
    if (known) fail(mark, "the name \"" + name + "\" appears twice");
    name_ = name;
    name_mark_ = mark;
    has_name_ = true;
  }

  void end_entry() { has_name_ = false; }

  void append(const std::string& text) {
    std::string& members = groups()[name_];
    if (!members.empty()) members += '\n';
    members += text;
  }

  [[noreturn]] void refuse(const YAML::Mark& mark) const {
    if (place_ == place::document) fail(mark, "no 'source: groups' here");
    if (awaits_name()) fail(mark, "a name must be a string");
    if (place_ == place::sources) {
      fail(mark, "source \"" + name_ + "\" has no groups: indent them below, with blanks");
    }
    fail(mark, "group \"" + name_ + "\" is neither a string nor a list of strings");
  }

  sources sources_;
  place place_ = place::document;
  int document_at_ = -1;
  bool has_name_ = false;
  std::string name_;
  YAML::Mark name_mark_;
};

}  // namespace

std::vector<std::pair<std::string, group_table>> read_yaml(std::string_view text) {
  refuse_control_characters(text);
  // The parser misses that a quote is not closed when the quote or a blank is the last it sees.
  std::istringstream in{std::string{text} + "\n#"};
  group_reader reader;
  try {
    YAML::Parser parser{in};
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const YAML::Exception& error) {
    // Found at the end of the file, far from the quote.
    if (error.msg == YAML::ErrorMsg::EOF_IN_SCALAR) {
      fail(reader.last_name(), "a quote from here on is not closed");
    }
    fail(error.mark, error.msg + " (add quotes?)");
  }
  return reader.take();
}

}  // namespace execo::detail
