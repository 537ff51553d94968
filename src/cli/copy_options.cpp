#include "copy_options.hpp"

#include <fmt/format.h>

#include <utility>

#include "command_line/values.hpp"
#include "run_reader.hpp"

namespace execo::cli {
namespace {

using command_line::choose;
using command_line::given_option;
using command_line::plain_text;
using command_line::time_span;
using command_line::usage_error;

constexpr std::string_view before_put =
    R"(Usage: execo put -w SET [OPTION]... SRC... DEST

Copies files and directories to ssh hosts, many at a time. SRC is a path here; DEST is a
path there, from the home directory on if it is relative. If DEST ends with / or is a
directory, the sources go into it; otherwise it is the new name of the only one. What is
written is checked (SHA-256) and renamed: a file has its name only when it is whole. In
SRC and DEST {{{host}}}, {{{index}}}, {{{user}}} and {{{port}}} are those of each host.

Options (defaults in parentheses):
)";

constexpr std::string_view after_put = R"(
Examples:
  execo put -w 'node[1-200]' app.tar /tmp
  execo put -w 'node[1-200]' -f 32 --max-rate 100M image.qcow2 /var/lib/images/
  execo put -w @web --batch 10% --preserve conf.d site.conf /etc/app/
  execo put -w 'node[1-9]' 'keys/{{{host}}}.pem' /etc/ssl/private/host.pem
  execo put -w 'node[1-200]' --resume --skip-unchanged digest big.iso /srv/
  execo put -w 'node[1-200]' --journal up.ndjson app.tar /tmp || execo resume up.ndjson

Hosts need sh and mktemp; for a directory or several files, xargs and tar, or dd and head.
Those that run no commands need SFTP.
)";

constexpr std::string_view before_get =
    R"(Usage: execo get -w SET [OPTION]... SRC... DEST

Copies files and directories from ssh hosts, many at a time. SRC is a path there, or a
pattern in quotes, from the home directory on if it is relative. What a host has goes
into DEST/HOST/. With {{{host}}} or {{{index}}} in it, DEST is used as it is: a directory
if it ends with /, otherwise the new name of the only file. Files appear when they are
whole.

Options (defaults in parentheses):
)";

constexpr std::string_view after_get = R"(
Examples:
  execo get -w 'node[1-200]' /var/log/app.log logs
  execo get -w 'node[1-200]' /var/log/app.log 'logs/{{{host}}}.log'
  execo get -w @web '/var/log/nginx/*.gz' /etc/nginx backup
  execo get -w @db --resume --skip-unchanged time --preserve /var/dumps dumps

Hosts need sh, cat and od. Directories and several files are faster where there is tar.
Those that run no commands need SFTP.
)";

constexpr std::string_view exit_statuses = R"(
Exit status:
  0    everything was copied on every host
  1    on some host a file could not be copied
  2    usage error: nothing was copied
  3    some host was not reached or was lost
  4    some host timed_out, in any phase
  71   the local machine failed: no descriptors or memory left
  74   writing to standard output or the journal failed
  130  interrupted by SIGINT, SIGTERM or SIGHUP
If several apply, the first of 130, 74, 3, 4, 1 counts.
)";

constexpr command_line::choices<unchanged, 2> rules{
    {{"time", unchanged::by_time}, {"digest", unchanged::by_digest}}};

void take_operand(run_reader& r, const given_option& given) {
  r.made.copy.sources.push_back(plain_text(given));
}

constexpr run_option operands[] = {
    {0, "", "SRC...", "what is copied: files, directories, patterns", take_operand},
    {0, "", "DEST", "where it is copied to", take_operand},
};

constexpr run_option copy_deadlines[] = {
    {'u', "timeout", "DURATION",
     "give up the copy to a host that takes longer: 4s, 500ms, 2m, bare seconds (no limit)",
     [](run_reader& r, const given_option& g) { r.made.timeout = time_span(g); }},
    {0, "idle-timeout", "DURATION",
     "give up the copy to a host when no byte has moved for that long (no limit)",
     [](run_reader& r, const given_option& g) { r.made.idle_timeout = time_span(g); }},
    {0, "total-timeout", "DURATION",
     "give up on a host if its login and the copy take longer together (no limit)",
     [](run_reader& r, const given_option& g) { r.made.total_timeout = time_span(g); }},
};

constexpr run_option copies[] = {
    {0, "preserve", "",
     "keep modes and times of the last change as they are, with put as root owners, too",
     [](run_reader& r, const given_option&) { r.made.copy.preserves = true; }},
    {0, "sftp", "",
     "over SFTP, for hosts that answer nothing else; where one runs no script, that is found out "
     "(by a script)",
     [](run_reader& r, const given_option&) { r.made.copy.by_sftp = true; }},
    {0, "resume", "",
     "keep what has come when a connection is lost, and go on from there when the same is "
     "copied to the same place again",
     [](run_reader& r, const given_option&) { r.made.copy.resumes = true; }},
    {0, "skip-unchanged", "time|digest",
     "do not send a file that is there with the same size and the time of the last change, which "
     "--preserve keeps, or the same SHA-256",
     [](run_reader& r, const given_option& g) { r.made.copy.skip = choose(g, rules); }},
    {0, "fsync", "", "have every file on the disk of the receiving side before it gets its name",
     [](run_reader& r, const given_option&) { r.made.copy.syncs = true; }},
    {0, "max-rate", "SIZE", "bytes a second, all hosts together: 10M (no limit)",
     [](run_reader& r, const given_option& g) {
       r.made.copy.rate_in_all = command_line::bytes(g);
     }},
    {0, "max-rate-per-host", "SIZE", "bytes a second of each host (no limit)",
     [](run_reader& r, const given_option& g) {
       r.made.copy.rate_of_each = command_line::bytes(g);
     }},
};

constexpr run_option puts[] = {
    {0, "mkdir", "", "make the directory of DEST where it is not there",
     [](run_reader& r, const given_option&) { r.made.copy.makes_directories = true; }},
};

constexpr run_option gets[] = {
    {0, "max-size", "SIZE",
     "bytes that may come of all hosts together: 10G. A host that has more brings nothing (no "
     "limit)",
     [](run_reader& r, const given_option& g) {
       r.made.copy.max_size_in_all = command_line::bytes(g);
     }},
    {0, "max-size-per-host", "SIZE", "the same of each host (no limit)",
     [](run_reader& r, const given_option& g) {
       r.made.copy.max_size_of_each = command_line::bytes(g);
     }},
};

const std::vector<run_option>& put_table() {
  static const run_lines parts[] = {target_lines(),
                                    copy_deadlines,
                                    copies,
                                    puts,
                                    login_lines(),
                                    rollout_lines(),
                                    connection_lines(),
                                    reference_lines(),
                                    journal_lines(),
                                    output_lines(),
                                    operands};
  static const std::vector<run_option> table = joined(parts);
  return table;
}

const std::vector<run_option>& get_table() {
  static const run_lines parts[] = {target_lines(),
                                    copy_deadlines,
                                    copies,
                                    gets,
                                    login_lines(),
                                    rollout_lines(),
                                    connection_lines(),
                                    reference_lines(),
                                    journal_lines(),
                                    output_lines(),
                                    operands};
  static const std::vector<run_option> table = joined(parts);
  return table;
}

// False: help was asked for.
bool read_copy(run_reader& into, copy_arguments::direction way,
               const std::vector<run_option>& table, run_words arguments) {
  into.made.copy.way = way;
  auto parsed =
      command_line::parse<run_reader>(table, arguments, command_line::habits::operands, into);
  if (parsed.asked != command_line::question::none) return false;
  copy_arguments& copy = into.made.copy;
  if (copy.sources.size() < 2)
    throw usage_error(copy.sources.empty() ? "no SRC and no DEST: give paths after the options"
                                           : "no DEST: give where to copy it to as the last path");
  copy.destination = std::move(copy.sources.back());
  copy.sources.pop_back();
  return true;
}

std::optional<run_options> parse_copy(const char* name, copy_arguments::direction way,
                                      const std::vector<run_option>& table,
                                      std::span<const char* const> arguments,
                                      const config& defaults) {
  run_reader into(defaults);
  if (!read_copy(into, way, table, arguments)) return std::nullopt;
  return into.finish(name, arguments);
}

}  // namespace

std::optional<run_options> parse_put(std::span<const char* const> arguments,
                                     const config& defaults) {
  return parse_copy("put", copy_arguments::direction::put, put_table(), arguments, defaults);
}

std::optional<run_options> parse_get(std::span<const char* const> arguments,
                                     const config& defaults) {
  return parse_copy("get", copy_arguments::direction::get, get_table(), arguments, defaults);
}

run_options parse_resumed_copy(const journal& of, journal_options how, const config& defaults) {
  const bool sends = of.arguments().front() == "put";
  const auto way = sends ? copy_arguments::direction::put : copy_arguments::direction::get;
  const std::vector<run_option>& table = sends ? put_table() : get_table();
  return resume_by(of, std::move(how), defaults, [&](run_reader& into, run_words arguments) {
    (void)read_copy(into, way, table, arguments);
  });
}

command_line::spec_list put_specs() { return command_line::specs_of<run_reader>(put_table()); }
command_line::spec_list get_specs() { return command_line::specs_of<run_reader>(get_table()); }

std::string put_help() {
  return fmt::format("{}{}{}{}", before_put, option_help(put_specs()), after_put, exit_statuses);
}

std::string get_help() {
  return fmt::format("{}{}{}{}", before_get, option_help(get_specs()), after_get, exit_statuses);
}

}  // namespace execo::cli
