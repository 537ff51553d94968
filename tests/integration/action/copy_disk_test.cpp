// Copies to file systems that are full, read-only or under a quota: real ones, which need root.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <execo/execo.hpp>
#include <filesystem>

#include "quota_disk.hpp"
#include "transfer_fixture.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A file system of 1 MiB while this is there.
class small_file_system {
 public:
  explicit small_file_system(std::string path) : path_(std::move(path)) {
    fs::create_directories(path_);
    is_mounted_ = ::geteuid() == 0 && ::mount("none", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  small_file_system(const small_file_system&) = delete;
  small_file_system& operator=(const small_file_system&) = delete;
  ~small_file_system() {
    if (is_mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
  }

  bool is_mounted() const noexcept { return is_mounted_; }
  bool make_read_only() const noexcept {
    return ::mount("none", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m") == 0;
  }

 private:
  std::string path_;
  bool is_mounted_ = false;
};

class copies_to_disk : public transfer {
 protected:
  void SetUp() override {
    if (!disk_.is_mounted()) GTEST_SKIP() << "no file system can be mounted here";
    file("big", bytes_of(1, 3000 * kib));
    make_tree();
    file("tree/big", bytes_of(2, 3000 * kib));
  }

  small_file_system disk_{path("disk")};
};

TEST_F(copies_to_disk, that_is_full_leave_nothing_half_written) {
  const std::string to = path("disk/x");
  expect_failure(put_one({path("big")}, to), std::errc::no_space_on_device, "disk/x");
  expect_failure(put_one({path("tree")}, to), std::errc::no_space_on_device, "disk");
  EXPECT_THAT(names("disk"), IsEmpty());
  expect_failure(get_one({path("big")}, path("disk")), std::errc::no_space_on_device, "big");
  EXPECT_THAT(names("disk/127.6.0.1"), IsEmpty());
  expect_failure(get_one({path("tree")}, path("disk")), std::errc::no_space_on_device, "big");
  EXPECT_THAT(names("disk/127.6.0.1"), IsEmpty());
}

// What is kept would keep the disk full.
TEST_F(copies_to_disk, that_is_full_keep_no_part_for_later) {
  get back = get(path("big"), "127.6.0.1", path("disk")).ssh(how()).resume();
  const host_result r = sync_wait(back.run()).all().front();
  expect_failure(r, std::errc::no_space_on_device, "big");
  EXPECT_THAT(names("disk/127.6.0.1"), IsEmpty());
  fs::remove(path("disk/127.6.0.1"));
  put sent = put(path("tree"), "127.6.0.1", path("disk/x")).ssh(how()).resume();
  expect_failure(sync_wait(sent.run()).all().front(), std::errc::no_space_on_device, "disk");
  EXPECT_THAT(names("disk"), IsEmpty());
}

TEST_F(copies_to_disk, that_is_read_only_say_so) {
  ASSERT_TRUE(disk_.make_read_only());
  const std::string to = path("disk/x");
  for (const char* source : {"big", "tree"}) {
    const host_result sent = put_one({path(source)}, to);
    expect_failure(sent, std::errc::read_only_file_system, "disk");
    EXPECT_EQ(sent.host.name(), "127.6.0.1");
    expect_failure(get_one({path(source)}, path("disk")), std::errc::read_only_file_system, "disk");
  }
  EXPECT_THAT(names("disk"), IsEmpty());
}

class copies_under_a_quota : public transfer {
 protected:
  void SetUp() override {
    if (!disk_.is_mounted()) GTEST_SKIP() << "no quota here: " << disk_.why_not();
    file("big", bytes_of(1, 3000 * kib));
    make_tree();
    file("tree/big", bytes_of(2, 3000 * kib));
  }
  static host_result result_of(put copy) { return sync_wait(copy.run()).all().front(); }
  void expect_quota_exceeded(const host_result& r, const std::string& about) const {
    EXPECT_EQ(r.how(), end_reason::transfer_failed) << r.describe();
    EXPECT_EQ(r.error(), std::error_code(EDQUOT, std::system_category())) << r.describe();
    EXPECT_THAT(r.describe(), HasSubstr(about));
    EXPECT_EQ(r.host.name(), "127.6.0.1");
    EXPECT_THAT(names("disk"), IsEmpty());
  }

  quota_disk disk_{path("disk")};
};

// What cat and tar say of write(2) on the host.
TEST_F(copies_under_a_quota, name_it_and_leave_nothing_half_written) {
  const std::string to = path("disk/x");
  expect_quota_exceeded(put_one({path("big")}, to), "disk/x");
  expect_quota_exceeded(put_one({path("tree")}, to), "disk");
  expect_quota_exceeded(put_one({path("big"), path("tree")}, path("disk")), "disk");
  // What is kept would use it up.
  for (const char* source : {"big", "tree"})
    expect_quota_exceeded(result_of(put(path(source), "127.6.0.1", to).ssh(how()).resume()),
                          "disk");
  file("small", "text");
  const host_result fits = put_one({path("small")}, to);
  EXPECT_TRUE(fits.ok()) << fits.describe();
}

// Here it is this program that writes.
TEST_F(copies_under_a_quota, of_a_get_name_it_as_well) {
  for (const char* source : {"big", "tree"}) {
    const host_result r = get_one({path(source)}, path("disk"));
    EXPECT_EQ(r.how(), end_reason::transfer_failed) << r.describe();
    EXPECT_EQ(r.error(), std::error_code(EDQUOT, std::system_category())) << r.describe();
    EXPECT_THAT(r.describe(), HasSubstr("big"));
    EXPECT_THAT(names("disk/127.6.0.1"), IsEmpty());
  }
}

// By a program in place of ssh.
TEST_F(copies_under_a_quota, over_a_connector_name_it_as_well) {
  ssh_options by;
  by.connector = "sh -c";
  expect_quota_exceeded(result_of(put(path("big"), "127.6.0.1", path("disk/x")).ssh(by)), "disk/x");
}

}  // namespace
}  // namespace execo::test
