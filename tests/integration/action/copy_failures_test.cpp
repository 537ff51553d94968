// One copy to hosts of which each fails in its own way, while something watches all directories
// that it writes into.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "quota_disk.hpp"
#include "transfer_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// Every name that appears in some directories while it is there: the kernel keeps them until they
/// are asked for.
class name_watcher {
 public:
  name_watcher() : events_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
  name_watcher(const name_watcher&) = delete;
  name_watcher& operator=(const name_watcher&) = delete;
  ~name_watcher() { (void)::close(events_); }

  void watch(const std::string& folder) {
    const int number = ::inotify_add_watch(events_, folder.c_str(), IN_CREATE | IN_MOVED_TO);
    ASSERT_GE(number, 0) << folder;
    folders_[number] = folder;
  }
  /// Adds to the lists: the paths that were made, and those that something complete was renamed to.
  void take() {
    alignas(inotify_event) std::array<char, 64 * kib> bytes;
    for (ssize_t got = 0; (got = ::read(events_, bytes.data(), bytes.size())) > 0;)
      for (const char* at = bytes.data(); at < bytes.data() + got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        at += sizeof(inotify_event) + event->len;
        ASSERT_EQ(event->mask & IN_Q_OVERFLOW, 0U);
        if (event->len == 0) continue;
        auto& list = (event->mask & IN_CREATE) != 0 ? made : renamed;
        list.push_back(folders_[event->wd] + "/" + std::string(event->name));
      }
  }
  std::vector<std::string> made, renamed;

 private:
  int events_;
  std::map<int, std::string> folders_;
};

class failing_copies : public ::testing::Test, protected copied_files {
 protected:
  // A connector: `reach HOST TEXT` runs the text as the host would. Signals go to all of its group,
  // as of any command that `env` runs.
  void SetUp() override {
    fs::permissions(folder_.path(), fs::perms(0755));
    program_file("bin/cat", "exec tr '\\000-\\177' '\\200-\\377'\n");
    program_file("slow/cat", "exec sleep 600\n");
    program_file("reach",
                 "case $1 in\n"
                 "closed) [ \"$(id -u)\" -ne 0 ] ||\n"
                 "  exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c \"$2\" ;;\n"
                 "changed-on-the-way) PATH=" +
                     path("bin") +
                     ":$PATH ;;\n"
                     "silent) PATH=" +
                     path("slow") +
                     ":$PATH ;;\n"
                     "esac\n"
                     "exec sh -c \"$2\"\n");
    how_.connector = "env " + path("reach") + " %h";
    file("big", bytes_of(1, 3000 * kib));
  }
  void program_file(const std::string& name, const std::string& text) const {
    file(name, "#!/bin/sh\n" + text);
    fs::permissions(path(name), fs::perms(0755));
  }
  /// The directory into which a host writes.
  std::string of_host(const std::string& host) const { return path("to/" + host); }
  void watch(const std::vector<std::string>& hosts) {
    for (const std::string& host : hosts)
      if (fs::is_directory(of_host(host))) watcher_.watch(of_host(host));
  }
  /// How the copy to a host failed. The text of it names the directory.
  static std::string end_of(const host_result& r) {
    std::string said(to_string(r.how()));
    if (r.how() == end_reason::timed_out) said += " " + std::string(to_string(r.phase()));
    if (r.error()) said += " " + r.error().message();
    if (r.reason() != failure_reason::none) said += " " + std::string(to_string(r.reason()));
    return said;
  }

  ssh_options how_;
  name_watcher watcher_;
};

TEST_F(failing_copies, each_have_their_own_end_and_no_name_before_all_of_it_is_there) {
  std::vector<std::string> hosts{"good",   "missing",           "plain", "folder", "long",
                                 "closed", "changed-on-the-way"};
  for (const char* host : {"good", "folder/x/big", "long", "closed", "changed-on-the-way"})
    fs::create_directories(of_host(host));
  file("to/plain", "");
  if (::geteuid() != 0) fs::permissions(of_host("closed"), fs::perms(0555));
  quota_disk under_a_quota(of_host("quota"));
  if (under_a_quota.is_mounted()) hosts.emplace_back("quota");
  for (const char* disk : {"full", "read-only"}) {
    fs::create_directories(of_host(disk));
    if (::geteuid() == 0 && ::mount("none", of_host(disk).c_str(), "tmpfs", 0, "size=1m") == 0)
      hosts.emplace_back(disk);
  }
  if (hosts.back() == "read-only") {
    ASSERT_EQ(::mount("none", of_host("read-only").c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, ""),
              0);
  }
  std::vector<std::string> file_names;
  for (const std::string& host : hosts)
    file_names.push_back(host == "long" ? std::string(300, 'n') : "x");
  watch(hosts);

  auto copy = put(path("big"), hosts, path("to/{{{host}}}/{{name}}")).ssh(how_);
  const action_result all = sync_wait(copy.subst("name", file_names).run());
  watcher_.take();
  for (const char* disk : {"full", "read-only"}) (void)::umount2(of_host(disk).c_str(), MNT_DETACH);

  EXPECT_TRUE(all["good"].ok()) << all["good"].describe();
  std::map<std::string, std::string> ends;  // the host that has it
  for (const host_result* bad : all.failed()) {
    EXPECT_EQ(bad->how(), end_reason::transfer_failed) << bad->describe();
    EXPECT_THAT(bad->error_context(), HasSubstr("to/" + bad->host.name()));
    EXPECT_TRUE(ends.emplace(end_of(*bad), bad->host.name()).second) << bad->describe();
  }
  const std::map<std::string, std::error_code> errors{
      {"missing", std::make_error_code(std::errc::no_such_file_or_directory)},
      {"plain", std::make_error_code(std::errc::not_a_directory)},
      {"folder", std::make_error_code(std::errc::is_a_directory)},
      {"long", std::make_error_code(std::errc::filename_too_long)},
      {"closed", std::make_error_code(std::errc::permission_denied)},
      {"quota", std::error_code(EDQUOT, std::generic_category())},
      {"full", std::make_error_code(std::errc::no_space_on_device)},
      {"read-only", std::make_error_code(std::errc::read_only_file_system)}};
  for (const std::string& host : hosts) {
    const auto expected = errors.find(host);
    if (expected == errors.end()) continue;
    EXPECT_EQ(all[host].error().value(), expected->second.value()) << all[host].describe();
  }
  EXPECT_EQ(all["changed-on-the-way"].reason(), failure_reason::digest_mismatch);
  EXPECT_EQ(ends.size(), hosts.size() - 1);

  EXPECT_THAT(watcher_.renamed, ::testing::ElementsAre(of_host("good") + "/x"));
  for (const std::string& made : watcher_.made)
    EXPECT_THAT(fs::path(made).filename().string(), StartsWith(".execo-"));
  EXPECT_THAT(watcher_.made, Not(IsEmpty()));
  for (const char* host : {"long", "closed", "changed-on-the-way"})
    EXPECT_THAT(names(std::string("to/") + host), IsEmpty());
}

TEST_F(failing_copies, that_are_ended_have_ends_of_their_own_as_well) {
  fs::create_directories(of_host("silent"));
  fs::create_directories(of_host("slow"));
  fs::create_directories(of_host("lost"));
  watch({"silent", "slow", "lost"});
  auto copy = [&](const char* host) {
    return put(path("big"), host, path("to/{{{host}}}/x")).ssh(how_);
  };
  std::set<std::string> ends;
  auto add = [&](const host_result& r) { ends.insert(end_of(r)); };
  add(sync_wait(copy("silent").idle_timeout(500ms).run()).all().front());
  add(sync_wait(copy("silent").timeout(500ms).run()).all().front());

  // It grows while it is read.
  auto changed = [&]() -> task<host_result> {
    auto slow = copy("slow").max_rate(0, 512 * kib);
    slow.start();
    while (slow.progress().bytes_moved == 0) co_await sleep(5ms);
    std::ofstream(path("big"), std::ios::app) << "more";
    const action_result end = co_await slow.wait();
    co_return end.all().front();
  };
  const host_result of_changed = sync_wait(changed());
  EXPECT_EQ(of_changed.reason(), failure_reason::source_changed) << of_changed.describe();
  EXPECT_THAT(of_changed.error_context(), HasSubstr("big"));
  add(of_changed);

  auto stopped = [&]() -> task<host_result> {
    auto slow = copy("slow").max_rate(0, 512 * kib);
    slow.start();
    while (slow.progress().bytes_moved == 0) co_await sleep(5ms);
    slow.request_stop();
    const action_result end = co_await slow.wait();
    co_return end.all().front();
  };
  add(sync_wait(stopped()));

  fleet_fixture fleet("127.6.0.1");
  auto lost = [&]() -> task<host_result> {
    ssh_options way;
    way.port = fleet.port();
    way.identities.push_back(fleet.identity());
    way.known_hosts = fleet.known_hosts();
    auto slow = put(path("big"), "127.6.0.1", of_host("lost") + "/x").max_rate(0, 512 * kib);
    slow.ssh(way).start();
    while (slow.progress().bytes_moved == 0) co_await sleep(5ms);
    fleet.end(SIGKILL);
    const action_result end = co_await slow.wait();
    co_return end.all().front();
  };
  const host_result of_lost = sync_wait(lost());
  EXPECT_EQ(of_lost.how(), end_reason::connection_lost) << of_lost.describe();
  add(of_lost);

  EXPECT_EQ(ends.size(), 5U) << ::testing::PrintToString(ends);
  // A receiver that was killed has left what it wrote, not under its name: that of the host that
  // went, and the silent one, if its program did not end with the first signal.
  EXPECT_TRUE(soon([&] { return names("to/slow").empty(); }))
      << ::testing::PrintToString(names("to/slow"));
  watcher_.take();
  EXPECT_THAT(watcher_.renamed, IsEmpty());
  EXPECT_THAT(watcher_.made, Not(Contains(HasSubstr("/x"))));
}

}  // namespace
}  // namespace execo::test
