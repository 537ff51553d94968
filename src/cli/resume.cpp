// `execo resume`: what is left of a run that wrote a journal.
#include <fmt/format.h>
#include <string.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "command_line/option_table.hpp"
#include "command_line/values.hpp"
#include "commands.hpp"
#include "copy_options.hpp"
#include "execo/journal.hpp"
#include "execo/printable.hpp"
#include "run.hpp"
#include "run_options.hpp"

namespace execo::cli {
namespace {

using command_line::given_option;
using command_line::plain_text;
using command_line::usage_error;

constexpr std::string_view before_resume_options =
    R"(Usage: execo resume [OPTION]... FILE

Goes on with the run of which FILE is the journal (`execo run --journal FILE`, put and
get as well): with the same command, options and directory, on the hosts where it was not
run. What happens is appended to FILE. Hosts that are done stay as they are, and so do
those where the command was begun and whose end is not known; copies go to these again.

Options:
)";

constexpr std::string_view after_resume_options = R"(
What the options of the run leave open comes from the configuration as it is now. Passwords
are asked for again.

Examples:
  execo run -w 'node[1-200]' --journal up.ndjson -- apt-get -y upgrade
  execo resume up.ndjson
  execo resume --idempotent up.ndjson
  execo put -w 'node[1-200]' --journal copy.ndjson app.tar /tmp
  execo resume copy.ndjson
  execo run -w @last:unknown -- dpkg --audit

Exit status: that of `execo run`, for all hosts of the run; one whose end is unknown counts
as lost, 3. 2 as well for a FILE that cannot be resumed: nothing was run.
)";

class resume_options {
 public:
  resume_options() = default;
  std::string file;
  bool idempotent = false;
};

void take_file(resume_options& into, const given_option& given) {
  if (!into.file.empty()) throw usage_error("one FILE: a run has one journal");
  into.file = plain_text(given);
}

constexpr command_line::option<resume_options> resume_table[] = {
    {0, "idempotent", "",
     "run the command again where it was begun and its end is not known: it does no harm when it "
     "is run twice",
     [](resume_options& r, const given_option&) { r.idempotent = true; }},
    {'h', "help", "", "show this text"},
    {0, "", "FILE", "the journal", take_file},
};

std::string resume_help() {
  return fmt::format("{}{}{}", before_resume_options,
                     option_help(command_line::specs_of<resume_options>(resume_table)),
                     after_resume_options);
}

/// Empty if help was asked for. Throws: usage_error.
std::optional<resume_options> parse_resume(std::span<const char* const> arguments) {
  resume_options made;
  auto parsed = command_line::parse<resume_options>(resume_table, arguments,
                                                    command_line::habits::operands, made);
  if (parsed.asked != command_line::question::none) return std::nullopt;
  if (made.file.empty()) throw usage_error("no FILE: give the journal of a run");
  return made;
}

// Paths in the arguments of the run are from there.
void enter_directory(const journal& of) {
  if (of.directory().empty()) return;
  std::error_code error;
  std::filesystem::current_path(of.directory(), error);
  if (error)
    throw usage_error(fmt::format("{}: the run was in the directory {}: {}", of.file().string(),
                                  printable(of.directory()), error.message()));
}

run_options rest_of(const resume_options& wanted, const config& defaults) {
  const journal of(std::filesystem::absolute(wanted.file));
  const std::string name = of.arguments().empty() ? "" : of.arguments().front();
  const bool copies = name == "put" || name == "get";
  if (!copies && name != "run")
    throw usage_error(
        fmt::format("{}: the journal of a program, not of `execo run`: that program resumes it",
                    printable(wanted.file)));
  enter_directory(of);
  journal_options how(of.file().string());
  how.resume().remember();
  // A file that is copied twice is the same file.
  if (wanted.idempotent || copies) how.idempotent();
  return copies ? parse_resumed_copy(of, std::move(how), defaults)
                : parse_resumed(of, std::move(how), defaults);
}

}  // namespace

int resume_main(int argc, char** argv) {
  return run_parsed(
      [&](const config& defaults) -> std::optional<run_options> {
        const auto wanted = parse_resume(command_line::words_after_name(argc, argv));
        if (!wanted) return std::nullopt;
        return rest_of(*wanted, defaults);
      },
      resume_help);
}

}  // namespace execo::cli
