// A host that goes without a word, behind a network of the test's own.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "cabled_server.hpp"
#include "recorded_run.hpp"
#include "ssh/environment.hpp"

namespace execo::test {
namespace {

TEST(ssh_vanished_host, is_connection_lost_whether_we_are_silent_or_speak_to_it) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes network namespaces";
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  cabled_server there;
  if (!there.works()) GTEST_SKIP() << "no network namespaces, or no ip(8)";
  ssh_options options = options_for(there.server());
  options.tcp_keepalive = std::chrono::seconds(1);
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options);
  recorded_run quiet(loop, shared, cabled_server::address, "echo up; exec sleep 60");
  recorded_run spoken_to(loop, shared, cabled_server::address, "echo up; exec sleep 60");
  for (recorded_run* r : {&quiet, &spoken_to}) r->open();
  ASSERT_TRUE(loop.until([&] { return quiet.out == "up\n" && spoken_to.out == "up\n"; }));
  ASSERT_TRUE(there.unplug());
  spoken_to.signal(SIGUSR1);
  for (recorded_run* r : {&quiet, &spoken_to}) {
    r->run();
    EXPECT_EQ(r->how, end_reason::connection_lost) << r->context;
    EXPECT_TRUE(r->why) << r->context;
  }
}

}  // namespace
}  // namespace execo::test
