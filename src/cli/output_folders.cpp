#include "output_folders.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "command_line/usage_error.hpp"
#include "execo/partial_file.hpp"
#include "execo/printable.hpp"

namespace execo::cli {
namespace {

using command_line::usage_error;

void check_folder(std::string_view option, const std::string& folder) {
  if (folder.find("{{") == folder.npos) return;
  throw usage_error(
      fmt::format("{} '{}': one directory for all hosts, which gets a file for each: there are no "
                  "references in it",
                  option, printable(folder)));
}

void make_folder(std::string_view option, const std::string& folder) {
  if (folder.empty()) return;
  std::error_code why;
  std::filesystem::create_directories(folder, why);
  if (!why && ::access(folder.c_str(), W_OK | X_OK) != 0) why = {errno, std::system_category()};
  if (!why && !std::filesystem::is_directory(folder, why))
    why = std::make_error_code(std::errc::not_a_directory);
  if (why)
    throw usage_error(fmt::format("{} '{}': no files can be made there: {}", option,
                                  printable(folder), why.message()));
}

// What is behind the opening braces of a reference to a host.
bool is_reference(std::string_view text) {
  static constexpr std::array<std::string_view, 4> ends{"host}}}", "index}}}", "user}}}",
                                                        "port}}}"};
  while (text.starts_with('\\')) text.remove_prefix(1);
  for (std::string_view end : ends)
    if (text.starts_with(end)) return true;
  return false;
}

}  // namespace

void output_folders::check() const {
  check_folder("--outdir", out);
  check_folder("--errdir", err);
}

void output_folders::make() const {
  make_folder("--outdir", out);
  make_folder("--errdir", err);
  std::error_code unknown;
  if (!out.empty() && !err.empty() && std::filesystem::equivalent(out, err, unknown))
    throw usage_error(
        "--outdir and --errdir are the same directory: give two, or 2>&1 in the command");
}

std::vector<std::string> output_folders::names_of(const std::vector<host>& hosts) {
  std::vector<std::string> names;
  names.reserve(hosts.size());
  for (const host& one : hosts) names.push_back(one.to_string());
  return names;
}

sink output_folders::file_in(const std::string& folder, bool is_shown) {
  sink file = to_file(fmt::format("{}/{{{{{}}}}}", folder, reference), partial_file::kept);
  return is_shown ? tee(file, capture()) : file;
}

std::string output_folders::with_references_kept(std::string_view text) {
  constexpr std::string_view opening = "{{{";
  std::string kept;
  while (!text.empty()) {
    const bool opens = text.starts_with(opening) && is_reference(text.substr(opening.size()));
    kept += opens ? "{{{\\" : text.substr(0, 1);
    text.remove_prefix(opens ? opening.size() : 1);
  }
  return kept;
}

}  // namespace execo::cli
