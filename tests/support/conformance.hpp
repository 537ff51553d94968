// The conformance suite: the same commands on each way to a host. Points are what a user relies on;
// ways are transports, servers and login shells; the table of gaps says what a way cannot, and why.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "execo/context.hpp"
#include "execo/remote.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {

/// A way to a host.
class conformance_way {
 public:
  enum class kind : std::uint8_t { transport, server, shell };

  const char* name;
  kind of;
  ssh_server server = ssh_server::openssh;
  ssh_client client = ssh_client::built_in;
  const char* connector = "";  // in place of ssh
  int hops = 0;
  const char* shell = "";   // the login shell; empty: that of the caller
  bool long_alone = false;  // dear: left out of everyday runs
  bool by_tree = false;     // an agent over there, started by that way

  bool is_ssh() const noexcept { return *connector == '\0'; }
};

/// A host at the end of such a way, for the length of a test. What runs on it shares connections
/// that are kept, as in a program that runs one action after another.
class host_under_test {
 public:
  explicit host_under_test(const conformance_way& which);
  host_under_test(const host_under_test&) = delete;
  host_under_test& operator=(const host_under_test&) = delete;
  ~host_under_test();

  const conformance_way& way() const noexcept { return way_; }
  /// Why this machine has no such way; empty if it has.
  const std::string& why_not() const noexcept { return why_not_; }
  const ssh_options& options() const noexcept { return options_; }
  /// nullptr for connectors.
  const sshd_fixture* server() const noexcept { return server_.get(); }

  /// `text` is for a POSIX shell: where the login shell is none, /bin/sh is given it.
  command posix(const std::string& text) const;
  remote on(command what, detail::host_arguments hosts = host("127.1.0.1")) const;
  remote on(const std::string& text) const { return on(posix(text)); }
  static host_result result_of(remote action);
  host_result run(const std::string& text) const { return result_of(on(text)); }

  /// How long what should happen may take. For a gap it is short, since nothing does happen.
  std::chrono::milliseconds limit() const noexcept { return limit_; }
  void expect_a_gap(bool expected);

  /// Text that runs until it is ended, and that left_over() knows.
  std::string endless() const { return "sleep " + tag_; }
  /// Whether an endless command still runs, after a time in which it may end.
  bool left_over() const;
  /// Expects that the result says that nothing is left, and that nothing is. A command whose start
  /// the server did not confirm in time may still begin: of that nothing is expected.
  void leaves_nothing(const result& r) const;
  /// Ends what still runs, and the connections.
  void clear() const;
  /// A directory that each user may write to.
  const std::string& scratch() const noexcept { return scratch_; }

 private:
  void begin();
  void set_hops();
  std::vector<pid_t> endless_ones() const;

  const conformance_way& way_;
  std::string why_not_;
  std::string scratch_;
  std::string tag_;
  std::unique_ptr<sshd_fixture> server_;
  ssh_options options_;
  std::chrono::milliseconds limit_ = std::chrono::seconds(20);
  std::unique_ptr<context> loop_ = std::make_unique<context>();
  std::thread driver_;
};

/// Expects that nothing is known to be left. On a busy machine the answer may come too late; then
/// left_over() says what is so.
void has_ended(const result& r);

/// What a user relies on. `check` says with EXPECT_... what is missing.
class conformance_point {
 public:
  const char* name;
  void (*check)(const host_under_test& at);
  bool alike = false;  // one of many: on dear ways it is left out of everyday runs
};

/// Points that are checked together, by one test.
class conformance_area {
 public:
  const char* name;
  std::span<const conformance_point> points;
};

/// What a way cannot do. '*' at an end of a name stands for the rest of it.
class conformance_gap {
 public:
  std::string_view way;
  std::string_view point;
  std::string_view reason;
  /// At times, as a race is; or at the cost of seconds, so only with EXECO_LONG=1.
  enum class shown : std::uint8_t { always, at_times, slowly };
  shown how = shown::always;
};

std::span<const conformance_way> conformance_ways();
std::span<const conformance_area> conformance_areas();
std::span<const conformance_gap> conformance_gaps();
/// nullptr: it can.
const conformance_gap* gap_of(const conformance_way& way, const conformance_point& point);

/// Checks all points of an area. A point that fails without being a gap fails the test, and so does
/// a gap that has closed.
void check_conformance(const conformance_way& way, const conformance_area& area);

/// The matrix as a table of Markdown, with the gaps below it.
std::string conformance_matrix(conformance_way::kind of);

/// One for each way of a kind and each area, for INSTANTIATE_TEST_SUITE_P.
class conformance_case {
 public:
  const conformance_way* way;
  const conformance_area* area;
};
std::vector<conformance_case> conformance_cases(conformance_way::kind of);
std::string name_of(const conformance_case& one);

std::span<const conformance_point> points_of_ends();
std::span<const conformance_point> points_of_signals();
std::span<const conformance_point> points_of_time();
std::span<const conformance_point> points_of_output();
std::span<const conformance_point> points_of_input();
std::span<const conformance_point> points_of_terminals();
std::span<const conformance_point> points_of_words();
std::span<const conformance_point> points_of_surroundings();
std::span<const conformance_point> points_of_many();

}  // namespace execo::test
