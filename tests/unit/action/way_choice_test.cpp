// What an action does that may go by a tree or directly.
#include "execo/way_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "temp_folder.hpp"

namespace execo::test {
namespace {

using testing::HasSubstr;

std::vector<host> many(std::size_t count = 600) {
  std::vector<host> made;
  for (std::size_t i = 1; i <= count; ++i) made.emplace_back("n" + std::to_string(i));
  return made;
}

ssh_options plain() {
  ssh_options made;
  made.config_file = "none";
  made.via = ssh_client::automatic;
  return made;
}

secret_prompt some_secret() {
  return secret_prompt([](const std::string&) { return std::optional<secret>(); });
}

TEST(way_choice, is_a_tree_for_more_than_512_hosts) {
  EXPECT_FALSE(choose_way(many(0), plain()).is_tree);
  EXPECT_FALSE(choose_way(many(512), plain()).is_tree);
  EXPECT_EQ(choose_way(many(512), plain()).why, "up to 512 hosts are reached directly");
  EXPECT_TRUE(choose_way(many(513), plain()).is_tree);
  EXPECT_EQ(choose_way(many(), plain()).why,
            "600 hosts take 1.4 s by it and 3.1 s directly, by the model");
}

TEST(way_choice, is_direct_where_a_bound_makes_that_as_fast) {
  way_wishes wishes;
  wishes.fanout = 64;
  const way_choice found = choose_way(many(), plain(), wishes);
  EXPECT_FALSE(found.is_tree);
  EXPECT_EQ(found.why, "600 hosts take 3.1 s directly and 3.1 s by a tree, by the model");
  wishes.fanout = 0;
  wishes.usual_fanout = 600;
  EXPECT_FALSE(choose_way(many(), plain(), wishes).is_tree);
  wishes.usual_fanout = 64;
  wishes.shape.chain();
  EXPECT_FALSE(choose_way(many(), plain(), wishes).is_tree);
}

class wish {
 public:
  const char* about;
  std::function<void(ssh_options&, way_wishes&)> make;
  const char* why;  // null: a tree is taken all the same
};

void expect_answer(const wish& one) {
  ssh_options options = plain();
  way_wishes wishes;
  one.make(options, wishes);
  const way_choice found = choose_way(many(), options, wishes);
  EXPECT_EQ(found.is_tree, one.why == nullptr) << one.about << ": " << found.why;
  if (one.why != nullptr) {
    EXPECT_THAT(found.why, HasSubstr(one.why)) << one.about;
  }
}

TEST(way_choice, is_direct_for_all_that_a_tree_refuses) {
  const std::vector<wish> all{
      {"a rollout", [](auto&, auto& w) { w.in_batches = true; }, "hosts begin in batches"},
      {"sftp", [](auto&, auto& w) { w.by_sftp = true; }, "SFTP"},
      {"a lease", [](auto& o, auto&) { o.lease = std::chrono::seconds(9); }, "a lease"},
      {"sudo", [](auto& o, auto&) { o.become = "root"; }, nullptr},
      {"sudo with a password",
       [](auto& o, auto&) {
         o.become = "root";
         o.become_password = some_secret();
       },
       "a password to become another user"},
      {"local", [](auto& o, auto&) { o.connector = "local"; }, nullptr},
      {"exec:", [](auto& o, auto&) { o.connector = "exec:"; }, "this connector"},
      {"docker", [](auto& o, auto&) { o.connector = "docker exec -i %h"; }, "this connector"},
      {"rsh that all may use",
       [](auto& o, auto& w) {
         o.connector = "rsh %h";
         w.shape.site_trust();
       },
       nullptr},
      {"a connector that knows the place of the host",
       [](auto& o, auto& w) {
         o.connector = "rsh %h %n";
         w.shape.site_trust();
       },
       "this connector"},
  };
  for (const wish& one : all) expect_answer(one);
}

TEST(way_choice, is_direct_where_this_process_would_connect_to_all_hosts_itself) {
  const std::vector<wish> all{
      {"a jump", [](auto& o, auto&) { o.jump = {"bastion"}; }, "by a jump"},
      {"a proxy", [](auto& o, auto&) { o.proxy_command = "nc %h %p"; }, "a proxy command"},
      {"a socket", [](auto& o, auto&) { o.unix_socket = "/run/%h"; }, "a unix socket"},
      {"no checks", [](auto& o, auto&) { o.host_key_policy = host_keys::ignore; }, "unchecked"},
      {"new keys", [](auto& o, auto&) { o.host_key_policy = host_keys::accept_new; }, nullptr},
      {"a password", [](auto& o, auto&) { o.password = some_secret(); }, "given a password"},
      {"ProxyJump", [](auto& o, auto&) { o.config_lines = {"ProxyJump=bastion"}; },
       "by proxyjump of ssh_config"},
      {"ForwardAgent", [](auto& o, auto&) { o.config_lines = {"ForwardAgent=yes"}; },
       "by forwardagent of ssh_config"},
      {"no ForwardAgent", [](auto& o, auto&) { o.config_lines = {"ForwardAgent=no"}; }, nullptr},
      {"no checks by ssh_config",
       [](auto& o, auto&) { o.config_lines = {"StrictHostKeyChecking=no"}; }, "unchecked"},
      {"checks that the options ask for",
       [](auto& o, auto&) {
         o.config_lines = {"StrictHostKeyChecking=no"};
         o.host_key_policy = host_keys::strict;
       },
       nullptr},
      // Hosts have ways of their own then.
      {"a jump to hosts that may log in to each other",
       [](auto& o, auto& w) {
         o.jump = {"bastion"};
         w.shape.site_trust();
       },
       nullptr},
  };
  for (const wish& one : all) expect_answer(one);
}

TEST(way_choice, reads_what_ssh_config_says_of_the_first_host) {
  temp_folder folder;
  ssh_options options = plain();
  options.config_file = folder.write("config", "Host n1\n  ProxyCommand nc %h %p\n");
  EXPECT_THAT(choose_way(many(), options).why, HasSubstr("by proxycommand of ssh_config"));
  options.config_file = folder.write("config", "Host other\n  ProxyCommand nc %h %p\n");
  EXPECT_TRUE(choose_way(many(), options).is_tree);
  // It is for the action to say what is wrong there.
  options.config_file = folder / "none";
  EXPECT_TRUE(choose_way(many(), options).is_tree);
}

/// Actions on shells of this machine, that are stopped when they have begun.
class automatic_action : public testing::Test {
 public:
  automatic_action() {
    way_ = plain();
    way_.connector = "local";
  }
  remote command(std::size_t hosts = 600) {
    remote made("true", many(hosts));
    listen(made);
    return made;
  }
  template <class Copy>
  Copy copy(std::string from, std::string to) {
    Copy made(std::move(from), many(), std::move(to));
    listen(made);
    return made;
  }
  /// Whether it takes a tree.
  bool is_by_tree(action& what) {
    said_.clear();
    auto work = [&]() -> task<> {
      what.suspend_launching();
      what.start();
      what.request_stop();
      action_result none = co_await what.run();
      EXPECT_EQ(none.all().front().how(), end_reason::not_started);
    };
    sync_wait(work());
    return said_.starts_with("the tree is used, since 600 hosts take ");
  }

  ssh_options way_;

 private:
  template <class Action>
  void listen(Action& to) {
    to.ssh(way_).on_notice([this](std::string_view text) { said_ = text; });
  }
  std::string said_;
};

TEST_F(automatic_action, takes_a_tree_and_says_why) {
  remote many_hosts = command();
  EXPECT_TRUE(is_by_tree(many_hosts));
  remote fewer = command(500);
  EXPECT_FALSE(is_by_tree(fewer));
  temp_folder folder;
  put there = copy<put>(folder.write("file", "text"), folder / "copy");
  EXPECT_TRUE(is_by_tree(there));
  get back = copy<get>(folder / "file", folder / "back");
  EXPECT_TRUE(is_by_tree(back));
}

TEST_F(automatic_action, is_direct_unless_that_is_what_the_options_say) {
  way_.via = ssh_client::direct;
  remote made = command();
  EXPECT_FALSE(is_by_tree(made));
  way_.via = ssh_client::automatic;
  context c;
  set_connection_defaults(c, way_);
  remote by_defaults("true", many());
  std::string said;
  by_defaults.on(c).on_notice([&](std::string_view text) { said = text; });
  auto work = [&]() -> task<> {
    by_defaults.suspend_launching();
    by_defaults.start();
    by_defaults.request_stop();
    co_await by_defaults.run();
  };
  sync_wait(c, work());
  EXPECT_THAT(said, HasSubstr("the tree is used"));
}

TEST_F(automatic_action, is_direct_with_a_bound_in_a_rollout_and_by_sftp) {
  remote bounded = command();
  bounded.fanout(64);
  EXPECT_FALSE(is_by_tree(bounded));
  rollout in_batches(command());
  in_batches.batch(10);
  EXPECT_FALSE(is_by_tree(in_batches));
  temp_folder folder;
  put there = copy<put>(folder.write("file", "text"), folder / "copy");
  there.sftp();
  EXPECT_FALSE(is_by_tree(there));
}

TEST_F(automatic_action, leaves_a_tree_alone_that_was_asked_for) {
  remote made = command(3);
  made.via(tree().arity(2));
  EXPECT_FALSE(is_by_tree(made));
  remote all = command();
  all.via(tree());
  EXPECT_FALSE(is_by_tree(all));
}

}  // namespace
}  // namespace execo::test
