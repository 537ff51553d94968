#include "groups/run_registry.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "base/user_database.hpp"
#include "execo/host_set.hpp"
#include "execo/journal.hpp"
#include "execo/time.hpp"
#include "groups/journal_reader.hpp"

namespace execo {
namespace detail {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t max_runs = 1000;
constexpr const char* name_of_last = "last";

// 2026-11-29T18:55:00.123Z as 20261129-185500.
std::string id_of_now() {
  std::string id;
  for (const char c : format_time(std::chrono::system_clock::now()).substr(0, 19))
    if (c == 'T') {
      id += '-';
    } else if (c >= '0' && c <= '9') {
      id += c;
    }
  return id + '-' + std::to_string(::getpid());
}

bool is_run(const fs::path& link) {
  const std::string name = link.filename().string();
  return !name.empty() && name.front() >= '0' && name.front() <= '9';
}

// An ID begins with its time: the smallest names are the oldest.
void drop_the_oldest(const fs::path& folder) {
  std::vector<fs::path> runs;
  std::error_code ignored;  // what cannot be removed stays
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (is_run(entry.path())) runs.push_back(entry.path());
  if (runs.size() <= max_runs) return;
  std::ranges::sort(runs);
  runs.resize(runs.size() - max_runs);
  for (const fs::path& one : runs) fs::remove(one, ignored);
}

// Replaces a link that is there in one step.
void point(const fs::path& link, const fs::path& target) {
  const fs::path made = link.string() + ".new-" + std::to_string(::getpid());
  std::error_code ignored;
  fs::remove(made, ignored);
  fs::create_symlink(target, made);
  fs::rename(made, link);
}

// Reads the journal again for each query: its run may still be writing.
class run_source final : public group_source {
 public:
  explicit run_source(std::string id) : id_(std::move(id)) {}

  std::optional<std::string> members(const std::string& group) override {
    const auto words = journal_states();
    if (std::ranges::find(words, group) == words.end()) return std::nullopt;
    return hosts(group);
  }
  std::optional<std::string> all() override { return hosts("all"); }
  std::optional<std::vector<std::string>> names() override { return journal_states(); }

 private:
  std::string hosts(const std::string& state) const {
    try {
      return journal(file()).hosts(state).to_string();
    } catch (const journal_error& error) {
      throw source_failure(error.what());
    }
  }

  fs::path file() const {
    const fs::path folder = runs_folder();
    std::error_code error;
    const fs::path target = folder.empty() ? folder : fs::read_symlink(folder / id_, error);
    if (target.empty())
      throw source_failure("no such run: `execo run --journal FILE` makes one, and `ls " +
                           folder.string() + "` lists those of before");
    return target;
  }

  std::string id_;
};

}  // namespace

fs::path runs_folder() {
  const char* state = std::getenv("XDG_STATE_HOME");
  fs::path base = state != nullptr ? state : "";
  // As its specification says: a path that is not absolute counts as none.
  if (!base.is_absolute()) {
    base = home_folder();
    if (base.empty()) return {};
    base = base / ".local/state";
  }
  return base / "execo/runs";
}

std::shared_ptr<group_source> find_run_source(std::string_view name) {
  constexpr std::string_view prefix = "run/";
  if (name == name_of_last) return std::make_shared<run_source>(name_of_last);
  const bool is_id = name.starts_with(prefix) && name.find('/', prefix.size()) == name.npos &&
                     is_run(fs::path(name));
  if (!is_id) return nullptr;
  return std::make_shared<run_source>(std::string(name.substr(prefix.size())));
}

}  // namespace detail

std::string remember_run(const std::filesystem::path& file) {
  const std::filesystem::path folder = detail::runs_folder();
  if (folder.empty())
    throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory),
                            "there is no home directory");
  std::filesystem::create_directories(folder);
  const std::filesystem::path target = std::filesystem::absolute(file).lexically_normal();
  const std::string first = detail::id_of_now();
  // One process may begin several runs in one second.
  std::string id = first;
  for (int i = 2; std::filesystem::is_symlink(folder / id); ++i)
    id = first + '-' + std::to_string(i);
  detail::point(folder / id, target);
  detail::point(folder / detail::name_of_last, target);
  detail::drop_the_oldest(folder);
  return id;
}

}  // namespace execo
