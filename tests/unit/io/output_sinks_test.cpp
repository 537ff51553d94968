#include "io/output_sinks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <list>
#include <sstream>

#include "fleet_fixture.hpp"
#include "support/file_bytes.hpp"
#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

using detail::sink_spec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class sinks_of_output : public ::testing::Test, public detail::output_file_owner {
 protected:
  /// A sink of that kind, to be filled in, which lives as long as the test.
  sink_spec& spec(sink_spec::kind what) { return specs_.emplace_back(what); }
  sink_spec& to_path(sink_spec::kind what, const std::string& where) {
    sink_spec& one = spec(what);
    one.path.text = where;
    return one;
  }
  sink_spec& to_descriptor(int fd) {
    sink_spec& one = spec(sink_spec::kind::fd);
    one.fd.number = one.fd.given = fd;
    return one;
  }
  sink_spec& handled_by(sink_spec::kind what, std::function<void(std::string_view)> handler) {
    sink_spec& one = spec(what);
    one.handler = std::move(handler);
    return one;
  }
  sink_spec& noted(sink_spec::kind what) {
    return handled_by(what, [this](std::string_view bytes) { seen.emplace_back(bytes); });
  }
  void add(const sink_spec& spec, int inherited) {
    sinks.add(spec, inherited, harness.loop, *this);
  }
  void wait_until_flushed() {
    EXPECT_TRUE(harness.turn_until([&] { return sinks.flushed() && !sinks.busy(); }));
  }

  loop_harness harness;
  detail::output_sinks sinks;
  scratch_directory folder;
  std::string path = folder.path() + "/file";
  std::vector<std::string> seen;
  std::vector<std::string> failures;

 private:
  void on_file_flushed() noexcept override {}
  void on_file_failed(std::error_code, std::string context) noexcept override {
    failures.push_back(std::move(context));
  }
  std::list<sink_spec> specs_;
};

TEST_F(sinks_of_output, that_are_none_take_all_and_hold_nothing) {
  EXPECT_TRUE(sinks.take(std::string_view("bytes")));
  EXPECT_TRUE(sinks.flushed());
  EXPECT_FALSE(sinks.full() || sinks.busy() || sinks.has_handlers());
  EXPECT_EQ(sinks.sole_file(), nullptr);
}

TEST_F(sinks_of_output, pass_all_of_it_to_each_of_them) {
  add(to_path(sink_spec::kind::file, path), 1);
  add(to_path(sink_spec::kind::append, path + "2"), 1);
  add(noted(sink_spec::kind::callback), 1);
  std::string context;
  EXPECT_FALSE(sinks.open(context));
  for (std::string_view piece : {"a\nb", "c\n"}) {
    EXPECT_TRUE(sinks.take(piece));
    sinks.notify(piece);
  }
  wait_until_flushed();
  for (const auto& file : sinks.files()) EXPECT_FALSE(file->finalize(true));
  EXPECT_EQ(file_bytes(path), "a\nbc\n");
  EXPECT_EQ(file_bytes(path + "2"), "a\nbc\n");
  EXPECT_THAT(seen, ElementsAre("a\nb", "c\n"));
}

TEST_F(sinks_of_output, give_lines_whole_and_the_last_one_at_the_end) {
  add(noted(sink_spec::kind::lines), 1);
  sinks.notify(std::string_view("a\nb"));
  sinks.notify(std::string_view("c\nd"));
  EXPECT_THAT(seen, ElementsAre("a", "bc"));
  sinks.notify_end();
  EXPECT_THAT(seen, ElementsAre("a", "bc", "d"));
}

TEST_F(sinks_of_output, let_an_exception_of_a_handler_out_and_can_go_on_without_handlers) {
  add(handled_by(sink_spec::kind::callback, [](std::string_view) { throw 1; }), 1);
  add(noted(sink_spec::kind::lines), 1);
  EXPECT_TRUE(sinks.has_handlers());
  EXPECT_THROW(sinks.notify(std::string_view("a\n")), int);
  sinks.drop_handlers();
  EXPECT_FALSE(sinks.has_handlers());
  sinks.notify(std::string_view("a\n"));
  EXPECT_TRUE(seen.empty());
}

TEST_F(sinks_of_output, are_one_file_only_where_nothing_else_needs_the_bytes) {
  add(to_path(sink_spec::kind::file, path), 1);
  EXPECT_NE(sinks.sole_file(), nullptr);
  add(noted(sink_spec::kind::lines), 1);
  EXPECT_EQ(sinks.sole_file(), nullptr);
}

TEST_F(sinks_of_output, name_the_file_that_cannot_be_opened) {
  add(to_path(sink_spec::kind::append, folder.path() + "/none/file"), 1);
  std::string context;
  EXPECT_EQ(sinks.open(context), std::errc::no_such_file_or_directory);
  EXPECT_THAT(context, HasSubstr("/none/file"));
  EXPECT_TRUE(failures.empty()) << "which is no failure of a file that had been opened";
}

TEST_F(sinks_of_output, are_full_while_one_of_them_does_not_take_more_and_give_up_what_waits) {
  pipe_pair ours(harness.loop);
  add(to_descriptor(ours.out.get()), 1);
  add(to_path(sink_spec::kind::file, path), 1);
  std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(sinks.take(piece));
  EXPECT_TRUE(sinks.full());
  EXPECT_FALSE(sinks.flushed());
  EXPECT_TRUE(sinks.busy());
  sinks.give_up();
  EXPECT_TRUE(sinks.flushed());
  EXPECT_FALSE(sinks.full());
  EXPECT_TRUE(harness.turn_until([&] { return !sinks.busy(); }));
}

}  // namespace
}  // namespace execo::test
