// Copies over SFTP with a server that is played: one that does not do all that OpenSSH's does, is
// slow in its own ways, or lies.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "action/fanout_action.hpp"
#include "execo/sync_wait.hpp"
#include "file_bytes.hpp"
#include "fleet_fixture.hpp"
#include "random_bytes.hpp"
#include "ssh/wire.hpp"
#include "transfer/sftp_get.hpp"
#include "transfer/sftp_put.hpp"
#include "unit/transfer/played_peer.hpp"

namespace execo::test {
namespace {

using detail::append_number;
using detail::sftp_request_type;
using detail::sftp_status;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string field(std::string_view bytes) {
  std::string made;
  append_number(made, bytes.size());
  return made += bytes;
}
std::string field(std::uint32_t value) {
  std::string made;
  append_number(made, value);
  return made;
}

/// What the server has, and how it behaves.
class server_script {
 public:
  std::map<std::string, std::string> files;  // by path; a directory ends with '/'
  std::map<std::string, std::string> links;  // their targets
  std::vector<std::string> listing;          // of every directory
  std::vector<std::string> extensions;
  std::string greeting;              // in place of its version
  std::size_t most_in_a_read = ~0U;  // bytes
  bool answers_backwards = false;    // those to reads
  bool ends_without_status = false;
  bool has_link_first = false;       // as in the draft
  std::uint64_t hides = 0;           // bytes of the size of what was written
  std::uint64_t grows = 0;           // bytes that a file has beyond its size
  std::size_t ends_after = ~0U;      // requests
  std::size_t confuses_after = ~0U;  // requests
  std::function<void()> at_a_write;
  // What came.
  std::vector<std::string> removed;
  std::vector<std::string> extended;
  std::size_t requests = 0;
};

class played_sftp_server final : public played_peer {
 public:
  played_sftp_server(detail::loop& on, server_script& script) : played_peer(on), script_(script) {}
  void write(std::span<const char> bytes) override {
    const std::string kept(bytes.data(), bytes.size());
    soon([this, kept] {
      std::span<const char> rest(kept);
      while (auto packet = packets_.next(rest)) answer(*packet);
      flush_reads();
    });
    soon([this, count = bytes.size()] { events().on_written(count); });
  }
  void close_input() override {
    if (std::exchange(is_over_, true)) return;
    soon([this] {
      end_output();
      if (!script_.ends_without_status) return events().on_exit(exit_status::of_code(0));
      events().on_failed(detail::failure(end_reason::status_lost, {}, "no status"));
    });
  }
  void signal(int number) override {
    if (number == SIGKILL) close_input();
  }

 private:
  void answer(std::string_view packet) {
    detail::ssh_reader from(packet);
    auto what = static_cast<sftp_request_type>(from.byte());
    if (what == sftp_request_type::init) return greet();
    std::uint32_t id = from.number();
    if (++script_.requests > script_.ends_after) return close_input();
    if (script_.requests > script_.confuses_after) id += 64;
    if (!is_over_) answer(what, id, from);
  }

  void greet() {
    if (!script_.greeting.empty()) return tell(script_.greeting);
    std::string body = field(3);
    for (const std::string& name : script_.extensions) body += field(name) + field("1");
    send(2, body);
  }

  void answer(sftp_request_type what, std::uint32_t id, detail::ssh_reader& from) {
    std::string name(from.text());
    switch (what) {
      case sftp_request_type::open: {
        bool writes = (from.number() & 2U) != 0;
        if (!writes && !has(name)) return status(id, sftp_status::no_such_file);
        if (writes) script_.files[name];
        return send(102, field(id) + field(name));
      }
      case sftp_request_type::write: {
        if (script_.at_a_write) std::exchange(script_.at_a_write, nullptr)();
        (void)from.number();
        std::size_t offset = from.number();
        std::string_view bytes = from.text();
        std::string& file = script_.files[name];
        file.resize(std::max(file.size(), offset + bytes.size()));
        file.replace(offset, bytes.size(), bytes);
        return status(id, sftp_status::ok);
      }
      case sftp_request_type::read: {
        (void)from.number();
        std::size_t offset = from.number();
        return read(id, name, offset, from.number());
      }
      case sftp_request_type::fstat:
      case sftp_request_type::stat:
      case sftp_request_type::lstat:
        return has(name) || is_directory(name) || script_.links.contains(name)
                   ? about(id, name)
                   : status(id, sftp_status::no_such_file);
      case sftp_request_type::mkdir:
        script_.files[name + "/"];
        return status(id, sftp_status::ok);
      case sftp_request_type::opendir:
        return send(102, field(id) + field(name));
      case sftp_request_type::readdir:
        return list(id);
      case sftp_request_type::remove:
      case sftp_request_type::rmdir:
        script_.removed.push_back(name);
        script_.files.erase(name);
        script_.files.erase(name + "/");
        script_.links.erase(name);
        return status(id, sftp_status::ok);
      case sftp_request_type::rename: {
        std::string to(from.text());
        if (has(to)) return status(id, sftp_status::failure);
        if (auto link = script_.links.extract(name)) {
          link.key() = to;
          script_.links.insert(std::move(link));
          return status(id, sftp_status::ok);
        }
        script_.files[to] = script_.files[name];
        script_.files.erase(name);
        return status(id, sftp_status::ok);
      }
      case sftp_request_type::symlink: {
        std::string second(from.text());
        if (script_.has_link_first) std::swap(name, second);
        script_.links[second] = name;
        return status(id, sftp_status::ok);
      }
      case sftp_request_type::extended:
        script_.extended.push_back(name);
        return status(id, sftp_status::ok);
      default:
        return status(id, sftp_status::ok);
    }
  }

  bool has(const std::string& name) const { return script_.files.contains(name); }
  bool is_directory(const std::string& name) const { return has(name + "/"); }

  void about(std::uint32_t id, const std::string& name) {
    bool is_file = has(name);
    std::uint64_t size = is_file ? script_.files[name].size() - script_.hides : 0;
    send(105, field(id) + field(13) + field(0) + field(static_cast<std::uint32_t>(size)) +
                  field(script_.links.contains(name) ? 0120777
                        : is_file                    ? 0100644
                                                     : 0040755) +
                  field(7) + field(7));
  }

  void list(std::uint32_t id) {
    if (std::exchange(is_listed_, true)) return status(id, sftp_status::end_of_file);
    std::string body = field(id) + field(static_cast<std::uint32_t>(script_.listing.size()));
    for (const std::string& name : script_.listing)
      body += field(name) + field("-rw") + field(4) + field(0100644);
    send(104, body);
  }

  void read(std::uint32_t id, const std::string& name, std::size_t offset, std::size_t size) {
    std::string whole = script_.files[name] + std::string(script_.grows, '+');
    std::string some;
    if (offset < whole.size()) some = whole.substr(offset, std::min(size, script_.most_in_a_read));
    std::string packet(1, some.empty() ? char{101} : char{103});
    packet += field(id) + (some.empty() ? field(1) : field(some));
    reads_.push_back(field(packet));
  }

  void flush_reads() {
    if (script_.answers_backwards) std::ranges::reverse(reads_);
    for (const std::string& one : std::exchange(reads_, {})) tell(one);
  }

  void status(std::uint32_t id, sftp_status code) {
    send(101, field(id) + field(static_cast<std::uint32_t>(code)) + field("words") + field(""));
  }
  void send(int type, const std::string& body) { tell(field(static_cast<char>(type) + body)); }
  void tell(std::string text) { played_peer::tell(stream::out, std::move(text)); }

  server_script& script_;
  detail::sftp_splitter packets_;
  std::vector<std::string> reads_;
  bool is_listed_ = false;
  bool is_over_ = false;
};

/// A copy of one host with that server.
class copies_by_script final : public detail::execution_factory {
 public:
  using maker = std::function<detail::intrusive_ptr<detail::execution>(
      detail::loop&, detail::intrusive_ptr<detail::lifecycle>)>;
  copies_by_script(server_script& script, maker make) : script_(script), make_(std::move(make)) {}

  detail::intrusive_ptr<detail::execution> make(detail::loop& on, std::size_t,
                                                detail::attempt) override {
    auto what = std::make_shared<command>("sftp");
    what->set_in(pipe());
    auto stdio = detail::taken_stdio::now(*what, detail::surroundings::caller::goes_on);
    return make_(on, detail::intrusive_ptr<detail::lifecycle>(new detail::lifecycle(
                         on, what, std::move(stdio),
                         std::make_unique<played_sftp_server>(on, script_), deadlines())));
  }

 private:
  server_script& script_;
  maker make_;
};

class copy_by_script : public action {
 public:
  explicit copy_by_script(std::shared_ptr<detail::execution_factory> factory)
      : action(detail::action_ref(
            new detail::fanout_action(command("copy"), std::vector<host>{host("h")}))) {
    static_cast<detail::fanout_action&>(*state_).factory = std::move(factory);
  }
};

class sftp_copies : public ::testing::Test {
 protected:
  sftp_copies() : bytes_(random_bytes(1).take(300'000)) {
    std::ofstream(folder_.path() + "/a", std::ios::binary) << bytes_;
    std::filesystem::create_directory(folder_.path() + "/to");
    script_.files["/d/"];
    script_.files["/"];
  }

  copies_by_script::maker put_maker() const {
    return [this](detail::loop& on, detail::intrusive_ptr<detail::lifecycle> peer) {
      auto tree = std::make_shared<detail::source_tree>();
      std::vector<std::string> names{source_};
      EXPECT_FALSE(detail::read_source_tree(names, folder_.path(), *tree));
      auto form =
          tree->is_one_file() ? detail::payload::form::file : detail::payload::form::archive;
      auto content = std::make_shared<detail::put_content>(on, std::move(tree), form, false);
      auto share = std::make_shared<detail::put_share>();
      share->counts = counts_;
      share->how = how_;
      return detail::intrusive_ptr<detail::execution>(
          new detail::sftp_put(on, std::move(peer), std::move(content), "/d/a", share, 0));
    };
  }
  host_result run_put() {
    copy_by_script copy(std::make_shared<copies_by_script>(script_, put_maker()));
    return sync_wait(copy.run()).all().front();
  }
  host_result run_get(const std::string& from) {
    auto make = [&](detail::loop& on, detail::intrusive_ptr<detail::lifecycle> peer) {
      detail::received_place where;
      where.path = folder_.path() + "/to";
      auto share = std::make_shared<detail::get_share>();
      share->counts = std::make_shared<detail::copy_counts>();
      return detail::intrusive_ptr<detail::execution>(
          new detail::sftp_get(on, std::move(peer), std::vector<std::string>{from}, where, share));
    };
    copy_by_script copy(std::make_shared<copies_by_script>(script_, make));
    return sync_wait(copy.run()).all().front();
  }
  /// Those of the temporary directory.
  std::size_t leftovers() const {
    std::size_t count = 0;
    for (const auto& [name, bytes] : script_.files) count += name.find(".execo-") != name.npos;
    return count;
  }
  std::vector<std::string> names_here() const {
    std::vector<std::string> found;
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_.path() + "/to"))
      found.push_back(one.path().filename().string());
    return found;
  }

  scratch_directory folder_;
  const std::string bytes_;
  server_script script_;
  std::shared_ptr<detail::copy_counts> counts_ = std::make_shared<detail::copy_counts>();
  detail::put_settings how_;
  std::string source_ = "a";
};

TEST_F(sftp_copies, put_a_file_under_its_name) {
  host_result r = run_put();
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(script_.files["/d/a"], bytes_);
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(sftp_copies, replace_no_file_where_that_takes_two_steps) {
  script_.files["/d/a"] = "old";
  host_result r = run_put();
  EXPECT_EQ(r.error(), std::errc::file_exists) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("remove it first"));
  EXPECT_EQ(script_.files["/d/a"], "old");
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(sftp_copies, sync_on_request_where_the_server_can) {
  script_.extensions = {"fsync@openssh.com"};
  EXPECT_TRUE(run_put().ok());
  EXPECT_THAT(script_.extended, IsEmpty());
  how_.syncs = true;
  script_.files.erase("/d/a");
  EXPECT_TRUE(run_put().ok());
  EXPECT_THAT(script_.extended, ElementsAre("fsync@openssh.com"));
  script_.extensions.clear();
  script_.files.erase("/d/a");
  host_result r = run_put();
  EXPECT_EQ(r.error(), std::errc::not_supported) << r.describe();
  EXPECT_FALSE(script_.files.contains("/d/a"));
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(sftp_copies, leave_out_files_with_the_same_size_and_time_on_request) {
  source_ = "tree";
  std::filesystem::create_directory(folder_.path() + "/tree");
  timespec times[] = {{7, 0}, {7, 0}};
  for (const char* name : {"same", "larger", "new"}) {
    const std::string path = folder_.path() + "/tree/" + name;
    std::ofstream(path) << name;
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  script_.files["/d/a/"];
  script_.files["/d/a/tree/"];
  script_.files["/d/a/tree/same"] = "SAME";
  how_.skip = detail::skip_rule::same_time;
  host_result r = run_put();
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(script_.files["/d/a/tree/same"], "SAME");
  EXPECT_EQ(script_.files["/d/a/tree/larger"], "larger");
  EXPECT_EQ(counts_->skipped(), 4U);
  EXPECT_EQ(counts_->files(), 2U);
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(sftp_copies, make_links_whichever_path_the_server_takes_for_the_target) {
  source_ = "tree";
  std::filesystem::create_directory(folder_.path() + "/tree");
  std::filesystem::create_symlink("../outside", folder_.path() + "/tree/l");
  script_.files["/d/a/"];
  script_.files["/d/a/tree/"];
  for (bool link_first : {false, true}) {
    script_.has_link_first = link_first;
    script_.links.clear();
    host_result r = run_put();
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(script_.links["/d/a/tree/l"], "../outside");
    EXPECT_THAT(script_.links, SizeIs(1));
  }
}

TEST_F(sftp_copies, are_good_when_the_server_ends_without_a_status) {
  script_.ends_without_status = true;
  host_result r = run_put();
  EXPECT_TRUE(r.ok()) << r.describe();
}

TEST_F(sftp_copies, fail_when_less_was_written_than_was_sent) {
  script_.hides = 1;
  host_result r = run_put();
  EXPECT_EQ(r.reason(), failure_reason::digest_mismatch) << r.describe();
  EXPECT_FALSE(script_.files.contains("/d/a"));
  EXPECT_EQ(leftovers(), 0U);
}

TEST_F(sftp_copies, fail_when_the_server_ends_in_the_middle) {
  for (std::size_t after : {0U, 1U, 3U, 6U, 12U}) {
    script_.requests = 0;
    script_.ends_after = after;
    host_result r = run_put();
    EXPECT_EQ(r.how(), end_reason::transfer_failed) << r.describe();
    EXPECT_THAT(r.error_context(), HasSubstr("the SFTP server ended"));
    EXPECT_FALSE(script_.files.contains("/d/a"));
  }
}

TEST_F(sftp_copies, fail_when_the_server_answers_what_it_was_not_asked) {
  script_.confuses_after = 5;
  host_result r = run_put();
  EXPECT_EQ(r.error(), std::errc::protocol_error) << r.describe();
  EXPECT_FALSE(script_.files.contains("/d/a"));
}

TEST_F(sftp_copies, show_what_a_host_sends_that_is_no_sftp) {
  script_.greeting = "Welcome, have a nice day\r\n";
  host_result r = run_put();
  EXPECT_EQ(r.error(), std::errc::protocol_error) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("Welcome, have a nice day"));
}

TEST_F(sftp_copies, are_removed_when_they_are_stopped) {
  auto copy =
      std::make_unique<copy_by_script>(std::make_shared<copies_by_script>(script_, put_maker()));
  script_.at_a_write = [&] { copy->kill(); };
  host_result r = sync_wait(copy->run()).all().front();
  EXPECT_FALSE(r.ok()) << r.describe();
  EXPECT_FALSE(script_.files.contains("/d/a"));
  EXPECT_EQ(leftovers(), 0U);
  EXPECT_THAT(script_.removed, SizeIs(2));
}

TEST_F(sftp_copies, get_the_same_bytes_however_they_come) {
  script_.files["/f"] = bytes_;
  for (bool backwards : {false, true})
    for (std::size_t most : {~std::size_t{0}, std::size_t{1000}}) {
      script_.answers_backwards = backwards;
      script_.most_in_a_read = most;
      host_result r = run_get("/f");
      ASSERT_TRUE(r.ok()) << r.describe();
      EXPECT_EQ(file_bytes(folder_.path() + "/to/f"), bytes_);
    }
}

TEST_F(sftp_copies, get_no_file_that_changes_meanwhile) {
  script_.files["/f"] = bytes_;
  script_.grows = 1;
  EXPECT_EQ(run_get("/f").reason(), failure_reason::source_changed);
  script_.grows = 0;
  script_.hides = ~std::uint64_t{0};  // one byte more than there is
  EXPECT_EQ(run_get("/f").reason(), failure_reason::source_changed);
  EXPECT_THAT(names_here(), IsEmpty());
}

TEST_F(sftp_copies, take_no_name_that_leads_elsewhere) {
  script_.files["/d/a"] = "text";
  for (const std::string& name : {std::string("../x"), std::string("/x"), std::string("s/x"),
                                  std::string(), std::string("x\0y", 3)}) {
    script_.listing = {"a", name};
    host_result r = run_get("/d");
    EXPECT_EQ(r.error(), std::errc::bad_message) << r.describe();
    EXPECT_THAT(r.error_context(), HasSubstr("leads elsewhere"));
    EXPECT_THAT(names_here(), IsEmpty());
  }
  script_.listing = {".", "..", "a"};
  host_result r = run_get("/d");
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(file_bytes(folder_.path() + "/to/d/a"), "text");
}

}  // namespace
}  // namespace execo::test
