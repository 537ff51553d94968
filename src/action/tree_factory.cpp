#include "action/tree_factory.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "action/fathered_transport.hpp"
#include "action/leaf_transport.hpp"
#include "action/remote_factory.hpp"
#include "base/machine_name.hpp"
#include "process/lifecycle.hpp"
#include "ssh/become_transport.hpp"
#include "ssh/caller.hpp"
#include "ssh/command_template.hpp"
#include "ssh/relayed_login.hpp"
#include "ssh/remote_text.hpp"
#include "ssh/run_certificates.hpp"
#include "tree/tree_copy_transport.hpp"
#include "tree/tree_plan.hpp"
#include "tree/tree_root.hpp"
#include "tree/tree_transport.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

// What a host prints while it starts an agent.
constexpr std::size_t max_said = std::size_t{4} * 1024;

std::optional<std::string> text_of(const command& what, std::string& problem) {
  return remote_text(what, problem);
}

/// Whether agents reach hosts themselves.
enum class further : std::uint8_t {
  no,
  by_shell,
  by_ssh,        // as the user there may
  by_our_keys,   // this process signs their logins and sends the host keys
  by_connector,  // as this process does
};

std::optional<std::vector<std::string>> pattern_of(const ssh_options& options) {
  return command_template(options.connector).pattern();
}

further further_by(const ssh_options& options, bool site_trust) {
  if (options.connector == local_connector) return further::by_shell;
  if (!options.connector.empty())
    return site_trust && pattern_of(options) ? further::by_connector : further::no;
  return site_trust ? further::by_ssh : further::by_our_keys;
}

std::vector<std::string> login_words(login_means by) {
  if (by == login_means::signatures) return {"IdentityAgent=%A", "IdentityFile=none"};
  return {"IdentityAgent=none", "IdentityFile=%I", "CertificateFile=%E", "IdentitiesOnly=yes"};
}

// Nothing of the host's user has a say in it. OpenSSH has all of this since 8.1; it signs for
// others since 8.9.
std::vector<std::string> relayed_words(duration limit, login_means by) {
  std::vector<std::string> words{"ssh", "-T", "-F", "none", "-o"};
  auto seconds = std::chrono::ceil<std::chrono::seconds>(limit).count();
  words.push_back("ConnectTimeout=" + std::to_string(seconds));
  std::vector<std::string> options = login_words(by);
  for (const char* option :
       {"BatchMode=yes", "ClearAllForwardings=yes", "PreferredAuthentications=publickey",
        "StrictHostKeyChecking=yes", "UserKnownHostsFile=%K", "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no", "CheckHostIP=no", "Ciphers=^%C"})
    options.emplace_back(option);
  for (std::string& option : options) {
    words.emplace_back("-o");
    words.push_back(std::move(option));
  }
  for (const char* word : {"-l", "%u", "-p", "%p", "--", "%h"}) words.emplace_back(word);
  return words;
}

std::shared_ptr<certificate_authority> authority_of(const ssh_options& options,
                                                    const tree_settings& how, further by) {
  // Both are refused by check_tunnel().
  if (how.authority.empty() || how.tunnel) return nullptr;
  if (by != further::by_our_keys)
    throw std::invalid_argument(
        "certificate_authority: for agents that log in over ssh with nothing of their users, so "
        "neither with site_trust() nor with a connector");
  return std::make_shared<certificate_authority>(how.authority, options, ssh_caller::now());
}

void check_tunnel(const ssh_options& options, const tree_settings& how) {
  const auto refuse = [](const std::string& why) { throw std::invalid_argument("tunnel: " + why); };
  const bool has_way = how.plan && how.plan->has_ways();
  if (!has_way) refuse("through which hosts? Give gateway() or topology()");
  if (how.site_trust) refuse("with site_trust() hosts on the way log in, not this process");
  if (!how.authority.empty())
    refuse("with certificate_authority() hosts on the way log in, not this process");
  if (!options.connector.empty()) refuse("logins are those of ssh, and a connector has none");
  if (options.via == ssh_client::openssh)
    refuse("this process speaks ssh itself: the program ssh cannot go through a tree");
  if (how.depth == 1) refuse("a gateway or a topology: not in a tree of depth 1");
}

// As the root is to know them: all agents are its own children.
tree_settings settings_of_root(tree_settings how) {
  if (how.tunnel) how.depth = 1;
  return how;
}

/// To hosts behind one gateway, by sessions that pass through it.
class tunnelled_factories {
 public:
  std::shared_ptr<command_factory> agents, commands;
};

std::shared_ptr<const become_setup> become_of(const ssh_options& options) {
  if (options.become.empty()) return nullptr;
  if (options.become_password)
    throw std::invalid_argument(
        "become: no password goes into a tree, hosts on its way would see it: let the method ask "
        "for "
        "none (NOPASSWD), or leave out the tree");
  return std::make_shared<const become_setup>(options);
}

// Agents are those who log in, whatever becomes of their commands.
std::shared_ptr<command_factory> factory_of_agents(
    ssh_options options, const std::shared_ptr<command_factory>& of_commands) {
  if (options.become.empty()) return of_commands;
  options.become.clear();
  return make_remote_factory(std::move(options));
}

/// By whatever leads to hosts without a tree.
class direct_way final : public tree_way {
 public:
  direct_way(const ssh_options& options, const tree_settings& how)
      : factory_(make_remote_factory(options)),
        agents_(factory_of_agents(options, factory_)),
        limits_(options.limits),
        options_(options),
        further_(how.tunnel ? further::no : further_by(options, how.site_trust)),
        authority_(authority_of(options, how, further_)) {
    if (further_ == further::by_connector) pattern_ = *pattern_of(options);
    command streams("");
    streams.set_out(capture(0));
    streams.set_in(pipe());
    stdio_ = taken_stdio::now(streams, surroundings::caller::goes_on);
  }
  void begin(loop& on) {
    factory_->begin(on);
    if (agents_ != factory_) agents_->begin(on);
    loop_ = &on;
    logins_ = intrusive_ptr<relayed_logins>(new relayed_logins(on));
    if (authority_)
      certificates_ = intrusive_ptr<run_certificates>(new run_certificates(on, authority_));
  }
  void end(std::size_t ring) noexcept {
    factory_->end(ring);
    if (agents_ != factory_) agents_->end(ring);
    for (auto& [source, made] : tunnelled_) {
      made.agents->end(ring);
      if (made.commands != made.agents) made.commands->end(ring);
    }
  }
  command_factory& factory() const noexcept { return *factory_; }

  /// Any command, by what leads to the host.
  std::unique_ptr<transport> way_to(const host& where, const tree_place& place,
                                    const std::shared_ptr<route_source>& through) {
    attempt what(where, place.index, nullptr, stdio_, nullptr, limits_);
    command_factory& by = through ? *tunnelled(through).commands : *factory_;
    std::unique_ptr<transport> way = by.make_transport(*loop_, ring_of_loop(*loop_), what);
    if (place.father_mark.empty()) return way;
    return make_fathered_transport(*loop_, std::move(way), place.father_mark, machine_name());
  }

  intrusive_ptr<lifecycle> run_on(const host& where, std::size_t index, std::string text,
                                  const std::shared_ptr<route_source>& through) override {
    auto stage1 = std::make_shared<command>(text);
    stage1->given_name = "execo-agent";
    stage1->output_cap = max_said;
    stage1->set_in(pipe());
    attempt what(where, index, std::move(stage1), stdio_, nullptr, limits_);
    command_factory& by = through ? *tunnelled(through).agents : *agents_;
    return by.make_run(*loop_, ring_of_loop(*loop_), std::move(what));
  }

  std::optional<connector_message> connector() const override {
    if (further_ == further::no) return std::nullopt;
    connector_message made;
    made.local = further_ == further::by_shell;
    made.relays = further_ == further::by_our_keys;
    if (made.relays)
      made.words =
          relayed_words(limits_.establish.value_or(deadlines::default_establish), login_by());
    if (made.local || made.relays) return made;
    made.words = pattern_;
    if (!made.words.empty()) return made;
    made.words = {
        "ssh", "-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-l", "%u", "-p",
        "%p",  "--", "%h"};
    return made;
  }
  work_item item_for(const host& where) const override {
    work_item made;
    made.name = where.name();
    if (further_ == further::by_our_keys) {
      std::optional<ssh_target> to = built_in_target(*agents_, *loop_, where);
      if (!to) return made;
      made.name = to->name;
      if (made.name != where.name()) made.alias = where.name();
      made.user = to->user;
      made.port = static_cast<std::uint16_t>(to->port);
      made.key = key_for_others(*to, login_by());
      if (made.key.size() > host_key_limit) made.key.clear();
      return made;
    }
    login_place place = factory_->login_to(where);
    made.user = std::move(place.user);
    made.port = static_cast<std::uint16_t>(place.port);
    return made;
  }

  void answer(const host& where, sign_ask_message ask,
              std::function<void(std::string)> done) override {
    std::optional<ssh_target> to = built_in_target(*agents_, *loop_, where);
    if (to) logins_->ask(to->shared, std::move(ask), std::move(done));
  }
  bool certifies() const noexcept override { return authority_ != nullptr; }
  void certify(
      certificate_wish what,
      std::function<void(std::optional<certificate_message>, const std::string&)> done) override {
    certificates_->make(std::move(what), std::move(done));
  }
  void forget_answers() noexcept override {
    logins_->forget();
    if (certificates_) certificates_->forget();
  }

 private:
  // A session that is kept would keep its gateway.
  const tunnelled_factories& tunnelled(const std::shared_ptr<route_source>& through) {
    tunnelled_factories& its = tunnelled_[through];
    if (its.agents) return its;
    ssh_options options = options_;
    options.via = ssh_client::built_in;
    options.reuse = false;
    its.commands = make_remote_factory(options, through);
    options.become.clear();
    its.agents = options_.become.empty() ? its.commands : make_remote_factory(options, through);
    its.commands->begin(*loop_);
    if (its.agents != its.commands) its.agents->begin(*loop_);
    return its;
  }
  login_means login_by() const noexcept {
    return certifies() ? login_means::certificate : login_means::signatures;
  }

  std::shared_ptr<command_factory> factory_;
  std::shared_ptr<command_factory> agents_;
  intrusive_ptr<relayed_logins> logins_;  // from begin() on
  deadlines limits_;
  const ssh_options options_;
  std::map<std::shared_ptr<route_source>, tunnelled_factories> tunnelled_;
  further further_;
  std::shared_ptr<certificate_authority> authority_;  // null: none was given
  intrusive_ptr<run_certificates> certificates_;      // from begin() on
  std::vector<std::string> pattern_;                  // of a connector
  taken_stdio stdio_;
  loop* loop_ = nullptr;
};

/// Of hosts of a tree that can have no agent.
class leaves final : public leaf_service {
 public:
  leaves(std::shared_ptr<direct_way> way, intrusive_ptr<tree_root> root)
      : leaf_service(way->factory().usual_fanout()), way_(std::move(way)), root_(std::move(root)) {}

  bool is_leaf(const host& where) const override { return root_->has_no_agent(where); }
  std::unique_ptr<transport> way_to(const host& where, const tree_place& place) override {
    return way_->way_to(where, place, root_->way_through_tree(where));
  }

 private:
  const std::shared_ptr<direct_way> way_;
  const intrusive_ptr<tree_root> root_;
};

class own_tree final : public tree_factory {
 public:
  own_tree(const ssh_options& options, const tree& shape)
      : shape_(shape),
        become_(become_of(options)),
        way_(std::make_shared<direct_way>(options, shape.settings())) {
    if (shape.settings().tunnel)
      check_tunnel(options, shape.settings());
    else if (shape.settings().plan && shape.settings().plan->has_ways())
      check_plan();
  }

  void prepare(const command& what) override { way_->factory().prepare(what); }
  void begin_without_tree(loop& on) override { way_->begin(on); }
  void begin(loop& on) override {
    way_->begin(on);
    ring_ = ring_of_loop(on);
    root_ = intrusive_ptr<tree_root>(new tree_root(on, settings_of_root(shape_.settings()), way_));
    leaves_ = std::make_shared<leaves>(way_, root_);
  }
  std::size_t ring_of(const host&, std::size_t) const noexcept override { return ring_; }
  std::size_t usual_fanout() const noexcept override { return SIZE_MAX; }
  // Of a host that the root does not reach itself: none. Those that it does are few.
  std::size_t descriptors() const noexcept override { return 0; }
  login_place login_to(const host& where) const override { return way_->factory().login_to(where); }
  bool reaches_all_itself() const noexcept override { return false; }
  void end(std::size_t ring) noexcept override {
    if (ring != ring_) return;
    end_talk();
    if (!root_) return;
    root_->close();
    leaves_.reset();
    root_ = {};
    way_->end(ring_);
  }
  tree_root* root() const noexcept override { return root_.get(); }

 private:
  std::unique_ptr<transport> transport_to(loop& on, std::size_t, attempt& what) override {
    return make_talking_transport(on, what, talk());
  }
  std::unique_ptr<transport> make_talking_transport(
      loop& on, attempt& what, const intrusive_ptr<talk_group>& with) override {
    if (what.file) return make_tree_copy_transport(on, root_, what.where, what.file);
    tree_place place;
    place.index = what.index;
    place.count = what.count;
    place.father_mark = what.father_mark;
    place.output_may_wait = what.output_may_wait && !become_;
    place.talk = with;
    std::unique_ptr<transport> in_tree =
        make_tree_transport(on, root_, what.where, text_of, terminal_, place);
    if (become_)
      in_tree = make_become_transport(on, become_, std::move(in_tree),
                                      become_place(what.where, login_to(what.where).user));
    return make_leaf_transport(on, leaves_, what.where, place, std::move(in_tree));
  }

  // Else the root would reach all hosts, which may well fail.
  void check_plan() const {
    const std::size_t depth = shape_.settings().depth;
    if (depth == 1)
      throw std::invalid_argument("a gateway or a topology: not in a tree of depth 1");
    const std::size_t routes = shape_.settings().plan->routes.longest_way();
    if (depth != 0 && routes > depth)
      throw std::invalid_argument("a topology of " + std::to_string(routes) +
                                  " routes in a row: not in a tree of depth " +
                                  std::to_string(depth));
    if (!way_->connector())
      throw std::invalid_argument(
          "a gateway or a topology: hosts reach further ones over ssh and by the connector "
          "`local`, "
          "by other connectors with site_trust() alone, and if they have no %n");
  }

  tree shape_;
  const std::shared_ptr<const become_setup> become_;  // null: commands stay as they are
  const std::string terminal_ = ssh_caller::now().terminal();
  std::shared_ptr<direct_way> way_;
  intrusive_ptr<tree_root> root_;
  std::shared_ptr<leaves> leaves_;
  std::size_t ring_ = 0;
};

}  // namespace

std::size_t ring_of_loop(const loop& on) noexcept {
  std::span<loop* const> rings = on.rings();
  return static_cast<std::size_t>(std::ranges::find(rings, &on) - rings.begin());
}

bool hosts_connect_on(const ssh_options& options, bool site_trust) {
  return further_by(options, site_trust) != further::no;
}

std::shared_ptr<tree_factory> make_tree_factory(ssh_options options, const tree& shape) {
  return std::make_shared<own_tree>(std::move(options), shape);
}

}  // namespace execo::detail
