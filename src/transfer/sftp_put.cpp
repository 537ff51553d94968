#include "transfer/sftp_put.hpp"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "base/random.hpp"

namespace execo::detail {
namespace {

constexpr std::uint32_t open_write = 2;
constexpr std::uint32_t open_create = 8;
constexpr std::uint32_t open_exclusive = 0x20;
constexpr std::uint32_t owner_bits = 0700;
constexpr std::uint32_t all_bits = 0777;

std::string folder_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

sftp_attributes with_mode(std::uint32_t mode) {
  sftp_attributes made;
  made.mode = mode;
  return made;
}

bool is_directory(const sftp_answer& about) {
  return about.is(sftp_answer::kind::attributes) && about.attributes.is_directory();
}

bool is_there(const sftp_answer& about) { return about.is(sftp_answer::kind::attributes); }

}  // namespace

sftp_put::sftp_put(loop& on, intrusive_ptr<lifecycle> peer, std::shared_ptr<put_content> what,
                   std::string destination, std::shared_ptr<put_share> shared,
                   std::uint64_t expected)
    : sftp_copy(on, std::move(peer), *shared),
      content_(std::move(what)),
      shared_(std::move(shared)),
      destination_(path_there(destination)),
      places_(content_->tree().entries.size(), place::nowhere),
      expected_(expected) {}

// The difference may be less than nothing: an archive is larger than what is in it.
void sftp_put::expect() { counts().expect(tree().bytes - expected_); }

void sftp_put::drop_files() noexcept { reader_ = source_reader(); }

task<copy_failure> sftp_put::copy() {
  copy_failure failed = co_await find_place();
  if (failed) co_return failed;
  if (tree().is_one_file()) {
    const bool is_same = co_await is_unchanged(tree().entries.front());
    if (is_same) {
      skip(0);
      co_return copy_failure();
    }
  }
  failed = co_await make_temporary();
  if (!failed) failed = co_await send_all();
  if (!failed) failed = co_await publish();
  if (!failed) failed = co_await set_directories();
  if (!failed) counts().files(tree().files - skipped_);
  co_return failed;
}

// -- the destination -----------------------------------------------------------------------------

task<sftp_answer> sftp_put::ask_about(std::string path) {
  sftp_answer answer = co_await server().call(about(sftp_request_type::stat, path));
  co_return answer;
}

task<copy_failure> sftp_put::failed_at(sftp_answer status, std::string step, std::string path) {
  copy_failure why = co_await explained(std::move(status), std::move(step), std::move(path), base_);
  co_return why;
}

task<copy_failure> sftp_put::find_place() {
  std::string to = destination_;
  bool is_inside = !is_single() || (to.size() > 1 && to.ends_with('/'));
  while (to.size() > 1 && to.ends_with('/')) to.pop_back();
  sftp_answer about_it = co_await ask_about(to);
  if (!about_it.ok() && about_it.status == sftp_status::bad_message)
    co_return failure_of_sftp(about_it, "look", to);
  is_inside = is_inside || is_directory(about_it);
  base_ = is_inside ? to : folder_of(to);
  target_ = is_inside ? join(to, tree().tops.front()) : to;
  copy_failure failed = co_await need_directory(base_);
  if (!failed && is_single()) failed = co_await check_target();
  co_return failed;
}

task<copy_failure> sftp_put::check_target() {
  sftp_answer there = co_await ask_about(target_);
  bool is_file = tree().is_one_file();
  if (is_file && is_directory(there)) co_return copy_failure::of_errno(EISDIR, shown_path(target_));
  if (!is_file && is_there(there) && !is_directory(there))
    co_return copy_failure::of_errno(ENOTDIR, shown_path(target_));
  co_return copy_failure();
}

task<copy_failure> sftp_put::need_directory(std::string path) {
  sftp_answer there = co_await ask_about(path);
  if (is_directory(there)) co_return copy_failure();
  if (is_there(there)) co_return copy_failure::of_errno(ENOTDIR, shown_path(path));
  if (there.status != sftp_status::no_such_file) co_return failure_of_sftp(there, "look", path);
  copy_failure failed = co_await missing(path);
  bool may_make = failed.why == std::errc::no_such_file_or_directory;
  if (!may_make || !shared_->how.makes_directories) co_return failed;
  failed = co_await make_directories(path);
  co_return failed;
}

// The server has one word for a path that is not there, and for one through a file.
task<copy_failure> sftp_put::missing(std::string path) {
  std::string above = path;
  while (above != "/" && above != ".") {
    above = folder_of(above);
    sftp_answer there = co_await ask_about(above);
    if (is_directory(there)) break;
    if (is_there(there)) co_return copy_failure::of_errno(ENOTDIR, shown_path(above));
    if (!server().goes_on()) co_return stopped_failure();
  }
  co_return copy_failure::of_errno(ENOENT, shown_path(path));
}

task<copy_failure> sftp_put::make_directories(std::string path) {
  sftp_answer last;
  std::string part;
  for (std::size_t at = 0; at < path.size();) {
    std::size_t end = std::min(path.find('/', at + 1), path.size());
    at = end;
    part = path.substr(0, end);
    sftp_request make(sftp_request_type::mkdir);
    make.text(part).attributes(with_mode(all_bits));
    // Another host may have the same directory, and most of the way is there.
    last = co_await server().call(std::move(make));
  }
  sftp_answer there = co_await ask_about(path);
  if (is_directory(there)) co_return copy_failure();
  if (last.ok()) last = std::move(there);
  copy_failure why = co_await explained(std::move(last), "mkdir", path, "/");
  co_return why;
}

// No digest can be compared.
task<bool> sftp_put::is_unchanged(const source_entry& entry) {
  const bool is_file = entry.what == source_entry::kind::file;
  if (!is_file || shared_->how.skip != skip_rule::same_time) co_return false;
  sftp_answer there = co_await server().call(about(sftp_request_type::lstat, final_path(entry)));
  co_return is_there(there) && there.attributes.is_file() &&
      there.attributes.size == entry.size&& there.attributes.modified ==
          static_cast<std::uint32_t>(entry.modified);
}

// It stays as it is there.
void sftp_put::skip(std::size_t index) noexcept {
  places_[index] = place::published;
  counts().skipped(tree().entries[index].size);
  ++skipped_;
}

task<copy_failure> sftp_put::make_temporary() {
  constexpr std::size_t random_bytes = 8;
  std::string path = join(base_, ".execo-" + random_hex(random_bytes));
  sftp_request make(sftp_request_type::mkdir);
  make.text(path).attributes(with_mode(owner_bits));
  // It may be made though its answer is not waited for.
  temporary_ = path;
  sftp_answer made = co_await server().call(std::move(make));
  if (!made.ok()) {
    if (server().goes_on()) temporary_.clear();
    copy_failure why = co_await failed_at(std::move(made), "temporary directory", path);
    co_return why;
  }
  if (shared_->how.preserves) {
    sftp_answer own = co_await ask_about(path);
    is_root_ = is_there(own) && own.attributes.user == 0U;
  }
  co_return copy_failure();
}

// -- what is sent --------------------------------------------------------------------------------

std::string sftp_put::temporary_path(const source_entry& entry) const {
  return join(temporary_, entry.name);
}

std::string sftp_put::final_path(const source_entry& entry) const {
  if (!is_single()) return join(base_, entry.name);
  return target_ + entry.name.substr(tree().tops.front().size());
}

sftp_attributes sftp_put::kept_attributes(const source_entry& entry) const {
  sftp_attributes made = with_mode(entry.mode & 07777U);
  made.modified =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(entry.modified, 0, UINT32_MAX));
  return made;
}

task<copy_failure> sftp_put::send_all() {
  for (std::size_t i = 0; i < tree().entries.size(); ++i) {
    if (!server().goes_on()) co_return stopped_failure();
    const bool is_same = co_await is_unchanged(tree().entries[i]);
    if (is_same) {
      skip(i);
      continue;
    }
    places_[i] = place::temporary;
    copy_failure failed = co_await send(tree().entries[i]);
    if (failed) co_return failed;
  }
  co_return copy_failure();
}

task<copy_failure> sftp_put::send(const source_entry& entry) {
  std::string path = temporary_path(entry);
  copy_failure failed;
  switch (entry.what) {
    case source_entry::kind::directory:
      failed = co_await make_directory(entry, std::move(path));
      break;
    case source_entry::kind::link:
      failed = co_await make_link(entry, std::move(path));
      break;
    case source_entry::kind::file:
      failed = co_await send_file(entry, std::move(path));
      break;
  }
  co_return failed;
}

task<copy_failure> sftp_put::make_directory(const source_entry& entry, std::string path) {
  sftp_request make(sftp_request_type::mkdir);
  make.text(path).attributes(with_mode((entry.mode & all_bits) | owner_bits));
  sftp_answer made = co_await server().call(std::move(make));
  if (made.ok()) co_return copy_failure();
  copy_failure why = co_await failed_at(std::move(made), "mkdir", final_path(entry));
  co_return why;
}

task<copy_failure> sftp_put::make_link(const source_entry& entry, std::string path) {
  copy_failure failed;
  if (links_ == link_order::unknown) failed = co_await find_link_order();
  if (failed) co_return failed;
  const bool is_first = links_ == link_order::target_first;
  sftp_request make(sftp_request_type::symlink);
  make.text(is_first ? entry.target : path).text(is_first ? path : entry.target);
  sftp_answer made = co_await server().call(std::move(make));
  if (!made.ok()) failed = co_await failed_at(std::move(made), "link", final_path(entry));
  co_return failed;
}

// OpenSSH has the two paths the other way round than the draft, and others do as it does, or as it
// does for its own client. A link that is made by mistake must not be anywhere else.
task<copy_failure> sftp_put::find_link_order() {
  probe_ = join(temporary_, ".execo-" + random_hex(4));
  const std::string other = probe_ + "-";
  sftp_request make(sftp_request_type::symlink);
  make.text(probe_).text(other);
  sftp_answer made = co_await server().call(std::move(make));
  if (!made.ok()) {
    copy_failure why = co_await failed_at(std::move(made), "link", base_);
    co_return why;
  }
  const bool is_first = co_await remove_link(other);
  bool is_last = false;
  if (!is_first) is_last = co_await remove_link(probe_);
  if (!server().goes_on()) co_return stopped_failure();
  if (!is_first && !is_last)
    co_return copy_failure::of_errno(
        ENOTSUP, shown_path(base_) + ": the SFTP server of the host makes no links");
  links_ = is_first ? link_order::target_first : link_order::target_last;
  co_return copy_failure();
}

// False: there is none.
task<bool> sftp_put::remove_link(std::string path) {
  sftp_answer there = co_await server().call(about(sftp_request_type::lstat, path));
  if (!is_there(there) || !there.attributes.is_link()) co_return false;
  sftp_answer removed = co_await server().call(about(sftp_request_type::remove, path));
  co_return removed.ok();
}

// What the file mode mask of the server takes it takes from a file that is made.
task<copy_failure> sftp_put::send_file(const source_entry& entry, std::string path) {
  sftp_request open(sftp_request_type::open);
  open.text(path).number(open_write | open_create | open_exclusive);
  open.attributes(with_mode(shared_->how.preserves ? 0600U : entry.mode & all_bits));
  sftp_answer opened = co_await server().call(std::move(open));
  copy_failure failed;
  if (!opened.is(sftp_answer::kind::handle)) {
    failed = co_await failed_at(std::move(opened), "write", final_path(entry));
    co_return failed;
  }
  failed = co_await send_contents(entry, opened.text);
  if (!failed) failed = co_await finish_file(entry, std::move(opened.text), std::move(path));
  co_return failed;
}

task<copy_failure> sftp_put::send_contents(const source_entry& entry, std::string handle) {
  piece_.resize(sftp_piece);
  for (std::uint64_t offset = 0; offset < entry.size;) {
    co_await server().room();
    if (!server().goes_on()) co_return stopped_failure();
    if (auto refused = server().take_refusal()) {
      copy_failure why = co_await failed_at(std::move(*refused), "write", final_path(entry));
      co_return why;
    }
    auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece_.size(), entry.size - offset));
    if (wait_for_rate(count)) co_await server().event();
    std::span<char> piece(piece_.data(), count);
    if (copy_failure failed = reader_.read(entry, offset, piece)) co_return failed;
    server().write(handle, offset, piece);
    counts().moved(count);
    offset += count;
  }
  co_await server().all_answered();
  if (auto refused = server().take_refusal()) {
    copy_failure why = co_await failed_at(std::move(*refused), "write", final_path(entry));
    co_return why;
  }
  co_return copy_failure();
}

task<copy_failure> sftp_put::finish_file(const source_entry& entry, std::string handle,
                                         std::string path) {
  std::string shown = final_path(entry);
  sftp_answer there = co_await server().call(about(sftp_request_type::fstat, handle));
  if (!is_there(there)) co_return failure_of_sftp(there, "look", shown);
  if (there.attributes.size != entry.size)
    co_return copy_failure(
        failure_reason::digest_mismatch,
        shown_path(shown) + ": the size of what was written is another one than what was sent");
  copy_failure failed;
  if (shared_->how.syncs) failed = co_await sync(handle, shown);
  if (failed) co_return failed;
  sftp_answer closed = co_await server().call(about(sftp_request_type::close, handle));
  if (!closed.ok()) {
    failed = co_await failed_at(std::move(closed), "close", std::move(shown));
    co_return failed;
  }
  if (shared_->how.preserves) failed = co_await set_attributes(entry, std::move(path));
  co_return failed;
}

task<copy_failure> sftp_put::sync(std::string handle, std::string shown) {
  if (!server().extensions().syncs)
    co_return copy_failure::of_errno(
        ENOTSUP,
        shown_path(shown) + ": the SFTP server of the host cannot sync a file to its disk");
  sftp_request question(sftp_request_type::extended);
  question.text("fsync@openssh.com").text(handle);
  sftp_answer synced = co_await server().call(std::move(question));
  if (synced.ok()) co_return copy_failure();
  copy_failure why = co_await failed_at(std::move(synced), "fsync", std::move(shown));
  co_return why;
}

// Another owner takes a set-user-ID bit away.
task<copy_failure> sftp_put::set_attributes(const source_entry& entry, std::string path) {
  sftp_answer done(sftp_status::ok);
  if (is_root_) {
    sftp_attributes owner;
    owner.user = entry.user;
    owner.group = entry.group;
    done = co_await set(path, owner);
  }
  if (done.ok()) done = co_await set(path, kept_attributes(entry));
  if (done.ok()) co_return copy_failure();
  copy_failure why = co_await failed_at(std::move(done), "mode", final_path(entry));
  co_return why;
}

task<sftp_answer> sftp_put::set(std::string path, sftp_attributes those) {
  sftp_request question(sftp_request_type::setstat);
  question.text(path).attributes(those);
  sftp_answer answer = co_await server().call(std::move(question));
  co_return answer;
}

// From the innermost one out: what is written into a directory changes its time. Not before they
// have their names: one that may not be written to cannot be moved. Those that were there stay.
task<copy_failure> sftp_put::set_directories() {
  for (std::size_t i = tree().entries.size(); i-- > 0;) {
    const source_entry& entry = tree().entries[i];
    if (entry.what != source_entry::kind::directory || places_[i] != place::published) continue;
    if (shared_->how.preserves) {
      copy_failure failed = co_await set_attributes(entry, final_path(entry));
      if (failed) co_return failed;
    }
    // The mask has taken its part already.
    if (shared_->how.preserves || (entry.mode & owner_bits) == owner_bits) continue;
    std::string path = final_path(entry);
    sftp_answer made = co_await ask_about(path);
    if (!is_there(made)) co_return failure_of_sftp(made, "look", path);
    made = co_await set(path, with_mode(made.attributes.mode.value_or(0) & entry.mode & all_bits));
    if (!made.ok()) co_return failure_of_sftp(made, "mode", path);
  }
  co_return copy_failure();
}

// -- names ---------------------------------------------------------------------------------------

// The first entry that is not below that one: directories come before what is in them.
std::size_t sftp_put::behind(std::size_t index) const noexcept {
  const std::string& name = tree().entries[index].name;
  std::size_t next = index + 1;
  for (; next < tree().entries.size(); ++next) {
    const std::string& other = tree().entries[next].name;
    if (other.size() <= name.size() || other[name.size()] != '/' || !other.starts_with(name)) break;
  }
  return next;
}

void sftp_put::mark_published(std::size_t index) noexcept {
  for (std::size_t i = index; i < behind(index); ++i) places_[i] = place::published;
}

task<copy_failure> sftp_put::publish() {
  copy_failure failed;
  for (std::size_t i = 0; i < tree().entries.size() && !failed; ++i) {
    if (places_[i] == place::published) continue;
    const source_entry& entry = tree().entries[i];
    if (entry.what == source_entry::kind::directory) {
      failed = co_await publish_directory(i, final_path(entry));
    } else {
      failed = co_await rename(i, final_path(entry));
    }
  }
  co_return failed;
}

// One that is there stays, and gets what is in ours.
task<copy_failure> sftp_put::publish_directory(std::size_t index, std::string to) {
  sftp_answer there = co_await ask_about(to);
  if (is_directory(there)) co_return copy_failure();
  if (is_there(there)) co_return copy_failure::of_errno(ENOTDIR, shown_path(to));
  copy_failure failed = co_await rename(index, std::move(to));
  co_return failed;
}

task<copy_failure> sftp_put::rename(std::size_t index, std::string to) {
  const bool is_over = server().extensions().renames_over;
  sftp_request move(is_over ? sftp_request_type::extended : sftp_request_type::rename);
  if (is_over) move.text("posix-rename@openssh.com");
  move.text(temporary_path(tree().entries[index])).text(to);
  sftp_answer moved = co_await server().call(std::move(move));
  if (moved.ok()) {
    mark_published(index);
    co_return copy_failure();
  }
  copy_failure why = co_await refused_rename(std::move(moved), index, std::move(to));
  co_return why;
}

// Without posix-rename@openssh.com nothing is replaced: there would be a moment without the file.
task<copy_failure> sftp_put::refused_rename(sftp_answer status, std::size_t index, std::string to) {
  const bool is_file = tree().entries[index].what != source_entry::kind::directory;
  if (status.status == sftp_status::failure) {
    sftp_answer there = co_await ask_about(to);
    if (is_file && is_directory(there)) co_return copy_failure::of_errno(EISDIR, shown_path(to));
    if (is_there(there) && !server().extensions().renames_over)
      co_return copy_failure::of_errno(
          EEXIST, shown_path(to) +
                      ": the SFTP server of the host cannot replace a file in one step: remove it "
                      "first, or give another name");
  }
  copy_failure why = co_await failed_at(std::move(status), "move", std::move(to));
  co_return why;
}

task<void> sftp_put::clean_up() {
  if (temporary_.empty()) co_return;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const source_entry& entry = tree().entries[i];
    if (places_[i] != place::temporary || entry.what == source_entry::kind::directory) continue;
    co_await server().room();
    server().post(about(sftp_request_type::remove, temporary_path(entry)));
  }
  if (!probe_.empty() && links_ == link_order::unknown) {
    server().post(about(sftp_request_type::remove, probe_));
    server().post(about(sftp_request_type::remove, probe_ + "-"));
  }
  co_await server().all_answered();
  for (std::size_t i = places_.size(); i-- > 0;) {
    const source_entry& entry = tree().entries[i];
    if (places_[i] != place::temporary || entry.what != source_entry::kind::directory) continue;
    (void)co_await server().call(about(sftp_request_type::rmdir, temporary_path(entry)));
  }
  (void)co_await server().call(about(sftp_request_type::rmdir, temporary_));
}

}  // namespace execo::detail
