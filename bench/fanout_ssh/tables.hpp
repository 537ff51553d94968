// One table for each circumstance: every tool in every round, in turn, on the hosts of one sshd.
#pragma once

#include "sshd_fixture.hpp"

namespace bench {

class table_sizes {
 public:
  int hosts = 500;
  int window = 64;
  int rounds = 3;
  /// With everybody's own key exchange.
  int default_hosts = 100;
  /// With many commands.
  int many_hosts = 10;
  int commands = 100;
};

/// One command, and no connection is there.
void first_run(const execo::test::sshd_fixture& server, const table_sizes& sizes);
/// One command on the connections that were kept, by those that keep any.
void run_again(const execo::test::sshd_fixture& server, const table_sizes& sizes);
/// Many commands a host, one after another, with the connections they need.
void many_commands(const execo::test::sshd_fixture& server, const table_sizes& sizes);
/// As first_run, through another host.
void through_jump(const execo::test::sshd_fixture& server, const table_sizes& sizes);
/// As first_run, with the key in an agent.
void with_agent(const execo::test::sshd_fixture& server, const table_sizes& sizes);

}  // namespace bench
