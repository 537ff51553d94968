// Which hosts of a copy send, one after another and in place of each other.
#include "transfer/equal_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "fleet_fixture.hpp"
#include "held_clock.hpp"

namespace execo::detail {
namespace {

using state = wanted_file::state;

class equal_files_of_hosts : public testing::Test {
 protected:
  class host {
   public:
    wanted_file file{delegate<>::to<&host::told>(this)};
    int told_times = 0;
    void told() { ++told_times; }
  };

  ~equal_files_of_hosts() override {
    for (host& one : hosts) files.end(one.file);
    turn();
  }

  void turn() { time.pass(clock::duration(0)); }
  host& wants(const std::string& digest = {}) {
    host& made = hosts.emplace_back();
    files.want(made.file, digest, 5);
    turn();
    return made;
  }
  unique_fd a_file(const std::string& bytes = "bytes") const {
    const std::string path = folder.path() + "/file";
    unique_fd made(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_EQ(::write(made.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return made;
  }

  const std::string one = std::string(64, '1');
  const std::string other = std::string(64, '2');
  test::scratch_directory folder;
  loop on;
  loop::driver driver{on};
  test::held_clock time{on};
  equal_files files{on};
  std::deque<host> hosts;
};

TEST_F(equal_files_of_hosts, are_sent_by_one_and_copied_for_the_others) {
  host& first = wants(one);
  host& second = wants(one);
  host& apart = wants(other);
  EXPECT_EQ(first.file.at(), state::sending);
  EXPECT_EQ(second.file.at(), state::waiting);
  EXPECT_EQ(apart.file.at(), state::sending);
  files.whole(first.file, a_file());
  turn();
  EXPECT_EQ(second.file.at(), state::copying);
  EXPECT_EQ(second.told_times, 1);
  EXPECT_TRUE(files.is_as_it_came(second.file));
  EXPECT_EQ(wants(one).file.at(), state::copying) << "one that comes late";
}

TEST_F(equal_files_of_hosts, are_copied_one_at_a_time) {
  host& first = wants(one);
  host& second = wants(one);
  host& third = wants(one);
  files.whole(first.file, a_file());
  turn();
  EXPECT_EQ(second.told_times, 1);
  EXPECT_EQ(third.told_times, 0);
  files.end(second.file);
  turn();
  EXPECT_EQ(third.told_times, 1);
}

TEST_F(equal_files_of_hosts, come_from_another_one_if_the_first_has_lied_or_gone) {
  host& first = wants(one);
  host& second = wants(one);
  host& third = wants(one);
  files.end(first.file);
  turn();
  EXPECT_EQ(second.file.at(), state::sending);
  EXPECT_EQ(third.file.at(), state::waiting);
}

TEST_F(equal_files_of_hosts, are_sent_by_each_where_the_first_cannot_be_read_again) {
  host& first = wants(one);
  host& second = wants(one);
  files.whole(first.file, unique_fd());
  turn();
  EXPECT_EQ(second.file.at(), state::sending);
}

TEST_F(equal_files_of_hosts, that_say_no_digest_are_not_taken_for_equal) {
  for (const std::string& digest : {std::string(), std::string("none")}) {
    EXPECT_EQ(wants(digest).file.at(), state::sending);
    EXPECT_EQ(wants(digest).file.at(), state::sending);
  }
}

TEST_F(equal_files_of_hosts, are_asked_for_anew_once_they_were_changed_here) {
  host& first = wants(one);
  host& second = wants(one);
  files.whole(first.file, a_file());
  turn();
  (void)a_file("more bytes");
  EXPECT_FALSE(files.is_as_it_came(second.file));
  files.doubt(second.file);
  turn();
  EXPECT_EQ(second.file.at(), state::sending);
  EXPECT_TRUE(second.file.has_digest());
  EXPECT_EQ(wants(one).file.at(), state::waiting);
}

TEST_F(equal_files_of_hosts, are_on_their_way_from_few_at_a_time) {
  for (std::size_t i = 0; i < equal_files::max_senders + 2; ++i) (void)wants();
  EXPECT_EQ(files.senders(), equal_files::max_senders);
  EXPECT_EQ(hosts.back().file.at(), state::queued);
  files.end(hosts.back().file);
  files.end(hosts.front().file);
  turn();
  EXPECT_EQ(files.senders(), equal_files::max_senders);
  EXPECT_EQ(hosts[equal_files::max_senders].file.at(), state::sending);
}

TEST_F(equal_files_of_hosts, are_asked_of_another_one_where_the_first_stands_still) {
  host& still = wants(one);
  host& second = wants(one);
  host& goes_on = wants(other);
  host& held = wants();
  held.file.hold(true);
  goes_on.file.came(equal_files::least_bytes);
  time.pass(equal_files::patience);
  turn();
  EXPECT_EQ(still.file.at(), state::slow);
  EXPECT_EQ(second.file.at(), state::sending);
  EXPECT_EQ(goes_on.file.at(), state::sending);
  EXPECT_EQ(held.file.at(), state::sending);
  EXPECT_EQ(files.senders(), 3U);
  // It may still come to its end, and then nobody has to wait for the second.
  host& third = wants(one);
  EXPECT_EQ(third.file.at(), state::waiting);
  files.whole(still.file, a_file());
  turn();
  EXPECT_EQ(third.file.at(), state::copying);
}

TEST_F(equal_files_of_hosts, are_not_all_held_open) {
  for (std::size_t i = 0; i < equal_files::max_kept + 1; ++i) {
    std::string digest = std::to_string(i);
    digest.resize(64, '-');
    files.whole(wants(digest).file, a_file());
  }
  std::string first = "0", last = std::to_string(equal_files::max_kept);
  first.resize(64, '-');
  last.resize(64, '-');
  EXPECT_EQ(wants(last).file.at(), state::copying);
  EXPECT_EQ(wants(first).file.at(), state::sending);
}

}  // namespace
}  // namespace execo::detail
