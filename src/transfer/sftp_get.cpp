#include "transfer/sftp_get.hpp"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>

#include <algorithm>
#include <utility>

#include "base/entry_name.hpp"

namespace execo::detail {
namespace {

constexpr std::uint32_t open_read = 1;
// Of all directories together: a host may list without end.
constexpr std::size_t max_names = 1'000'000;

bool has_wildcard(std::string_view path) { return path.find_first_of("*?[") != path.npos; }

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

copy_failure changed_there(const std::string& path) {
  return copy_failure(failure_reason::source_changed,
                      shown_path(path) + " was changed while it was read");
}

copy_failure elsewhere(const std::string& name) {
  return copy_failure(std::make_error_code(std::errc::bad_message),
                      "the host sent a name that leads elsewhere: " + shown_path(name));
}

// A lambda would be part of a coroutine's frame.
void sort_by_name(std::vector<sftp_name>& names) { std::ranges::sort(names, {}, &sftp_name::name); }

tar_entry entry_of(const std::string& name, const sftp_attributes& about) {
  tar_entry made;
  made.name = name;
  made.mode = about.mode.value_or(0644) & 07777U;
  made.modified = about.modified.value_or(0);
  return made;
}

}  // namespace

sftp_get::sftp_get(loop& on, intrusive_ptr<lifecycle> peer, std::vector<std::string> sources,
                   received_place where, std::shared_ptr<get_share> shared)
    : sftp_copy(on, std::move(peer), *shared),
      sources_(std::move(sources)),
      shared_(std::move(shared)),
      files_(std::move(where), shared_->preserves, shared_->syncs, shared_->limits) {}

task<copy_failure> sftp_get::copy() {
  for (const std::string& given : sources_) {
    copy_failure failed = co_await find(path_there(given));
    if (failed) co_return failed;
  }
  std::ranges::reverse(left_);
  if (copy_failure failed = files_.open()) co_return failed;
  while (!left_.empty()) {
    if (!server().goes_on()) co_return stopped_failure();
    found_entry next = std::move(left_.back());
    left_.pop_back();
    copy_failure failed = co_await take(std::move(next));
    if (failed) co_return failed;
  }
  if (!server().goes_on()) co_return stopped_failure();
  if (copy_failure failed = files_.publish()) co_return failed;
  counts().files(files_.files());
  co_return copy_failure();
}

task<void> sftp_get::clean_up() {
  files_.abandon();
  co_return;
}

// -- what is to be read --------------------------------------------------------------------------

task<copy_failure> sftp_get::find(std::string given) {
  sftp_answer there = co_await server().call(about(sftp_request_type::lstat, given));
  const bool is_pattern = there.status == sftp_status::no_such_file && has_wildcard(given);
  copy_failure failed;
  if (!there.ok() && is_pattern) {
    failed = co_await find_matches(std::move(given));
  } else {
    failed = co_await add_found(std::move(given), false);
  }
  co_return failed;
}

// One part of the path after the other.
task<copy_failure> sftp_get::find_matches(std::string pattern) {
  path_list so_far;
  so_far.emplace_back(pattern.starts_with('/') ? "/" : "");
  for (std::size_t at = 0; at < pattern.size();) {
    std::size_t end = std::min(pattern.find('/', at), pattern.size());
    std::string part = pattern.substr(at, end - at);
    at = end + 1;
    if (part.empty()) continue;
    copy_failure failed = co_await match_part(std::move(part), so_far);
    if (failed) co_return failed;
  }
  const std::size_t before = left_.size();
  for (std::string& path : so_far) {
    copy_failure failed = co_await add_found(std::move(path), true);
    if (failed) co_return failed;
  }
  if (left_.size() > before) co_return copy_failure();
  co_return copy_failure::of_errno(ENOENT, "no file matches " + shown_path(pattern));
}

task<copy_failure> sftp_get::match_part(std::string part, path_list& so_far) {
  path_list matches;
  for (const std::string& folder : so_far) {
    std::vector<sftp_name> names;
    if (has_wildcard(part)) {
      std::string listed = folder;
      if (listed.empty()) listed = ".";
      copy_failure failed = co_await list(std::move(listed), names);
      if (!server().goes_on()) co_return failed;
    } else {
      names.emplace_back();
      names.back().name = part;
    }
    // As with a shell: what cannot be listed has no match.
    for (const sftp_name& one : names)
      if (one.name == part || ::fnmatch(part.c_str(), one.name.c_str(), FNM_PERIOD) == 0)
        matches.push_back(folder.empty() ? one.name : join(folder, one.name));
  }
  so_far = std::move(matches);
  co_return copy_failure();
}

task<copy_failure> sftp_get::add_found(std::string path, bool may_be_missing) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  sftp_answer there = co_await server().call(about(sftp_request_type::stat, path));
  const bool is_missing = there.status == sftp_status::no_such_file && !there.ok();
  if (is_missing && may_be_missing) co_return copy_failure();
  if (!there.is(sftp_answer::kind::attributes)) co_return failure_of_sftp(there, "look", path);
  found_entry entry;
  entry.about = there.attributes;
  copy_failure failed = co_await name_of(path, entry.name);
  if (failed) co_return failed;
  entry.path = std::move(path);
  left_.push_back(std::move(entry));
  co_return copy_failure();
}

// "." and the like have the name that the server knows them by.
task<copy_failure> sftp_get::name_of(std::string path, std::string& name) {
  name = last_part(path);
  if (is_entry_name(name)) co_return copy_failure();
  sftp_answer real = co_await server().call(about(sftp_request_type::realpath, path));
  if (!real.is(sftp_answer::kind::names) || real.names.size() != 1)
    co_return failure_of_sftp(real, "look", path);
  name = last_part(real.names.front().name);
  if (is_entry_name(name)) co_return copy_failure();
  co_return copy_failure::of_errno(EINVAL,
                                   shown_path(path) + ": it has no name to be copied under");
}

task<copy_failure> sftp_get::list(std::string path, std::vector<sftp_name>& names) {
  sftp_answer opened = co_await server().call(about(sftp_request_type::opendir, path));
  if (!opened.is(sftp_answer::kind::handle)) co_return failure_of_sftp(opened, "read", path);
  copy_failure failed;
  while (!failed) {
    sftp_answer read = co_await server().call(about(sftp_request_type::readdir, opened.text));
    if (read.is(sftp_answer::kind::names)) {
      failed = keep_names(std::move(read.names), names);
      continue;
    }
    if (read.status != sftp_status::end_of_file || !read.is(sftp_answer::kind::status))
      failed = failure_of_sftp(read, "read", path);
    break;
  }
  (void)co_await server().call(about(sftp_request_type::close, opened.text));
  sort_by_name(names);
  co_return failed;
}

copy_failure sftp_get::keep_names(std::vector<sftp_name> read, std::vector<sftp_name>& names) {
  names_ += read.size();
  if (read.empty() || names_ > max_names)
    return copy_failure(std::make_error_code(std::errc::value_too_large),
                        "the host lists more names than can be copied");
  for (sftp_name& one : read) {
    if (one.name == "." || one.name == "..") continue;
    if (!is_entry_name(one.name)) return elsewhere(one.name);
    names.push_back(std::move(one));
  }
  return {};
}

// -- what is read --------------------------------------------------------------------------------

task<copy_failure> sftp_get::take(found_entry entry) {
  if (!entry.about.mode) {
    sftp_answer there = co_await server().call(about(sftp_request_type::lstat, entry.path));
    if (!there.is(sftp_answer::kind::attributes))
      co_return failure_of_sftp(there, "look", entry.path);
    entry.about = there.attributes;
  }
  copy_failure failed;
  if (entry.about.is_directory()) {
    failed = co_await take_directory(std::move(entry));
  } else if (entry.about.is_link()) {
    failed = co_await take_link(std::move(entry));
  } else if (entry.about.is_file()) {
    failed = co_await take_file(std::move(entry));
  }
  co_return failed;
}

task<copy_failure> sftp_get::take_directory(found_entry entry) {
  if (entry.path.size() > PATH_MAX)
    co_return copy_failure::of_errno(ENAMETOOLONG, shown_path(entry.path));
  tar_entry made = entry_of(entry.name, entry.about);
  made.what = tar_entry::kind::directory;
  if (copy_failure failed = files_.on_entry(made)) co_return failed;
  std::vector<sftp_name> names;
  copy_failure failed = co_await list(entry.path, names);
  if (failed) co_return failed;
  for (auto one = names.rbegin(); one != names.rend(); ++one) {
    found_entry inner;
    inner.path = join(entry.path, one->name);
    inner.name = entry.name + "/" + one->name;
    inner.about = one->about;
    left_.push_back(std::move(inner));
  }
  co_return copy_failure();
}

task<copy_failure> sftp_get::take_link(found_entry entry) {
  sftp_answer read = co_await server().call(about(sftp_request_type::readlink, entry.path));
  if (!read.is(sftp_answer::kind::names) || read.names.size() != 1)
    co_return failure_of_sftp(read, "read", entry.path);
  tar_entry made = entry_of(entry.name, entry.about);
  made.what = tar_entry::kind::link;
  made.target = std::move(read.names.front().name);
  if (made.target.empty() || made.target.find('\0') != made.target.npos)
    co_return elsewhere(made.target);
  co_return files_.on_entry(made);
}

task<copy_failure> sftp_get::take_file(found_entry entry) {
  sftp_request open(sftp_request_type::open);
  open.text(entry.path).number(open_read).attributes(sftp_attributes());
  sftp_answer opened = co_await server().call(std::move(open));
  if (!opened.is(sftp_answer::kind::handle)) co_return failure_of_sftp(opened, "read", entry.path);
  sftp_answer before = co_await server().call(about(sftp_request_type::fstat, opened.text));
  if (!before.is(sftp_answer::kind::attributes) || !before.attributes.size)
    co_return failure_of_sftp(before, "look", entry.path);
  tar_entry made = entry_of(entry.name, before.attributes);
  made.size = *before.attributes.size;
  if (copy_failure failed = files_.on_entry(made)) co_return failed;
  server().begin_file(opened.text);
  copy_failure failed = co_await take_contents(entry.path, made.size);
  if (failed) co_return failed;
  sftp_answer after = co_await server().call(about(sftp_request_type::fstat, opened.text));
  if (!server().goes_on()) co_return stopped_failure();
  const bool is_same = after.is(sftp_answer::kind::attributes) &&
                       after.attributes.size == before.attributes.size &&
                       after.attributes.modified == before.attributes.modified;
  if (!is_same) co_return changed_there(entry.path);
  (void)co_await server().call(about(sftp_request_type::close, opened.text));
  co_return files_.on_contents_end();
}

// One byte more is asked for than there is to be: the end of the file is where it was.
task<copy_failure> sftp_get::take_contents(std::string path, std::uint64_t size) {
  const std::uint64_t end = size + 1;
  std::uint64_t asked = 0;
  std::uint64_t taken = 0;
  copy_failure failed;
  while (!failed) {
    ask_more(asked, end);
    if (server().outstanding() == 0) break;
    co_await server().chunk();
    if (!server().goes_on()) co_return stopped_failure();
    failed = take_chunk(path, size, taken);
  }
  if (!failed && taken != size) failed = changed_there(path);
  co_return failed;
}

void sftp_get::ask_more(std::uint64_t& asked, std::uint64_t end) {
  while (asked < end && server().has_room()) {
    auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(sftp_piece, end - asked));
    server().ask(asked, count);
    asked += count;
  }
}

copy_failure sftp_get::take_chunk(const std::string& path, std::uint64_t size,
                                  std::uint64_t& taken) {
  const sftp_chunk& chunk = server().first_chunk();
  std::span<const char> bytes(chunk.bytes);
  const bool is_refused = chunk.end && chunk.end->status != sftp_status::end_of_file;
  copy_failure failed;
  if (is_refused) failed = failure_of_sftp(*chunk.end, "read", path);
  // Behind an end that came early there is nothing.
  const bool is_more = !bytes.empty() && (chunk.offset != taken || bytes.size() > size - taken);
  if (!failed && is_more) failed = changed_there(path);
  if (!failed) failed = files_.on_contents(bytes);
  taken += bytes.size();
  hold_back(bytes.size());
  server().drop_first_chunk();
  return failed;
}

void sftp_get::hold_back(std::size_t bytes) {
  counts().expect(bytes);
  counts().moved(bytes);
  if (wait_for_rate(bytes)) peer().pause(stream::out, true);
}

}  // namespace execo::detail
