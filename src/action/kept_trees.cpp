#include "action/kept_trees.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "base/shared_values.hpp"
#include "loop/loop.hpp"
#include "loop/post_call.hpp"
#include "process/surroundings.hpp"
#include "ssh/caller.hpp"
#include "ssh/failing_transport.hpp"
#include "ssh/session_pool.hpp"
#include "tree/tree_plan.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {
namespace {

// In one context; beyond that the one that is idle longest is closed.
constexpr std::size_t max_idle_trees = 8;

// Of a local child: its two outputs, its input and the child itself. A session has fewer.
constexpr std::size_t descriptors_of_child = 4;

// Equal texts of routes may mean different hosts, where groups have changed meanwhile.
bool is_same_plan(const tree_plan* a, const tree_plan* b) {
  if (a == nullptr || b == nullptr) return a == b;
  auto is_same_route = [](const topology::route& one, const topology::route& other) {
    return one.from == other.from && one.to == other.to;
  };
  return a->gateways == b->gateways && a->zones == b->zones &&
         std::ranges::equal(a->routes.routes(), b->routes.routes(), is_same_route);
}

/// What makes a tree the same. Agents that are processes of this machine have the variables, the
/// directory and the umask of this one.
class tree_key {
 public:
  /// Thread: the one that asks for the action.
  tree_key(const ssh_options& way, const tree& shape) : way_(way), shape_(shape.settings()) {
    plan_ = std::exchange(shape_.plan, nullptr);
    const ssh_caller caller = ssh_caller::now();
    caller_ = caller.path_of(".");
    caller.variables().visit([this](std::string_view name, std::string_view value) {
      caller_.append(1, '\0').append(name).append(1, '=').append(value);
    });
    umask_ = surroundings::umask_now(surroundings::caller::goes_on);
  }
  bool is_same(const tree_key& other) const {
    return way_ == other.way_ && shape_ == other.shape_ &&
           is_same_plan(plan_.get(), other.plan_.get()) && caller_ == other.caller_ &&
           umask_ == other.umask_;
  }
  duration idle_close() const noexcept { return shape_.idle_close; }

 private:
  ssh_options way_;
  tree_settings shape_;                    // without its plan
  std::shared_ptr<const tree_plan> plan_;  // null: none
  std::string caller_;                     // its directory and its variables
  std::optional<mode_t> umask_;
};

/// The tree of one action or several, of one loop.
class kept_tree;

/// Those of a context that are not closed, the one that is idle longest first.
///
///   used -> idle  no action has it any more       idle -> used    an action takes it
///   idle -> gone  its time is over                used -> gone    its loop ends
///
/// Thread: any.
class kept_trees {
 public:
  using reference = std::shared_ptr<kept_tree>;

  /// One that serves `key`, and is on that loop, which has one user more from now on. Null: none
  /// does. `on` null: any loop.
  reference take(const tree_key& key, const loop* on);
  /// It has one user.
  void add(reference made);
  /// It has one user less. Gives those that are to be closed if they are still idle.
  std::vector<reference> give_back(const kept_tree& which);
  /// Takes the tree out of the list. Null: it was closed before, or is in use and `how` forbids it.
  enum class taking : std::uint8_t { idle_only, in_use_too };
  reference remove(const kept_tree& which, taking how);

 private:
  class entry {
   public:
    reference tree;
    std::size_t users = 1;
  };
  using place = std::vector<entry>::iterator;
  place find(const kept_tree& which) {
    return std::ranges::find(entries_, &which, [](const entry& one) { return one.tree.get(); });
  }

  std::mutex mutex_;
  std::vector<entry> entries_;
};

/// On the loop of the tree, but for what is said of threads.
class kept_tree final : private loop_member, private spare_holder {
 public:
  /// Begins.
  kept_tree(std::shared_ptr<kept_trees> of, loop& on, const tree_key& same,
            std::shared_ptr<tree_factory> factory)
      : key(same),
        of_(std::move(of)),
        loop_(on),
        factory_(std::move(factory)),
        idle_(delegate<>::to<&kept_tree::close_if_idle>(this), "a tree that no action uses") {
    factory_->begin(on);
    loop_.adopt(*this);
  }
  kept_tree(const kept_tree&) = delete;
  kept_tree& operator=(const kept_tree&) = delete;

  const tree_key key;
  /// Thread: any.
  loop& home() const noexcept { return loop_; }
  /// Null: it is closed.
  tree_factory* open() const noexcept {
    return factory_->root() != nullptr ? factory_.get() : nullptr;
  }

  /// An action has ended.
  void give_back() {
    for (const kept_trees::reference& one : of_->give_back(*this)) {
      if (one.get() == this)
        idle_or_closed(one);
      else
        post_call(one->loop_, [one] { one->close_if_idle(); });
    }
  }

 private:
  // What the action has sent is still its own in this moment.
  void idle_or_closed(const kept_trees::reference& self) {
    if (!may_stay()) return close_if_idle();
    loop_.arm_after(idle_, key.idle_close());
    loop_.service<session_pool>().add(*this);
    post_call(loop_, [self] { self->forget_files(); });
  }
  void forget_files() {
    if (tree_root* root = factory_->root()) root->forget_unused_files();
  }
  // Hosts that were still being reached belonged to an action that was stopped. An idle tree takes
  // a quarter of the descriptors at most, as idle sessions do.
  bool may_stay() const {
    const tree_root* root = factory_->root();
    if (root == nullptr || root->is_deploying() || root->status().children == 0) return false;
    rlimit files{};
    return ::getrlimit(RLIMIT_NOFILE, &files) != 0 || descriptors() <= files.rlim_cur / 4;
  }
  std::size_t descriptors() const noexcept override {
    const tree_root* root = factory_->root();
    return root == nullptr ? 0 : root->status().children * descriptors_of_child;
  }
  void give_way() noexcept override { close_if_idle(); }
  void close_if_idle() { close(of_->remove(*this, kept_trees::taking::idle_only)); }
  void shut_down() noexcept override { close(of_->remove(*this, kept_trees::taking::in_use_too)); }
  // `alive` is this one, or null: it is closed, or stays.
  void close(kept_trees::reference alive) noexcept {
    if (!alive) return;
    loop_member::unlink();
    spare_holder::unlink();
    loop_.disarm(idle_);
    factory_->end(ring_of_loop(loop_));
  }
  void describe(std::vector<std::string>& lines, clock::time_point) const override {
    lines.push_back(idle_.armed() ? "a tree that no action uses" : "a tree of actions");
  }

  const std::shared_ptr<kept_trees> of_;
  loop& loop_;
  const std::shared_ptr<tree_factory> factory_;
  // It may be armed, and this may be among the spare ones, while an action has taken it meanwhile.
  deadline_timer idle_;
};

kept_trees::reference kept_trees::take(const tree_key& key, const loop* on) {
  std::lock_guard lock(mutex_);
  for (entry& one : entries_) {
    if (on != nullptr && on != &one.tree->home()) continue;
    if (!one.tree->key.is_same(key)) continue;
    ++one.users;
    return one.tree;
  }
  return nullptr;
}

void kept_trees::add(reference made) {
  std::lock_guard lock(mutex_);
  entries_.emplace_back().tree = std::move(made);
}

std::vector<kept_trees::reference> kept_trees::give_back(const kept_tree& which) {
  std::lock_guard lock(mutex_);
  std::vector<reference> found;
  const place its = find(which);
  if (its == entries_.end() || --its->users != 0) return found;
  found.push_back(its->tree);
  std::rotate(its, its + 1, entries_.end());
  auto is_idle = [](const entry& one) { return one.users == 0; };
  if (static_cast<std::size_t>(std::ranges::count_if(entries_, is_idle)) > max_idle_trees)
    found.push_back(std::ranges::find_if(entries_, is_idle)->tree);
  return found;
}

kept_trees::reference kept_trees::remove(const kept_tree& which, taking how) {
  std::lock_guard lock(mutex_);
  const place its = find(which);
  if (its == entries_.end() || (its->users != 0 && how == taking::idle_only)) return nullptr;
  reference gone = std::move(its->tree);
  entries_.erase(its);
  return gone;
}

/// Those of its context. A loop without one has its own each time.
std::shared_ptr<kept_trees> trees_around(loop& on) {
  auto make = [] { return std::make_shared<kept_trees>(); };
  if (on.values() == nullptr) return make();
  return *on.values()->find_or_make<std::shared_ptr<kept_trees>>(make);
}

/// Of one action.
class kept_tree_factory final : public talking_command_factory {
 public:
  kept_tree_factory(const ssh_options& options, const tree& shape)
      : key_(options, shape), own_(make_tree_factory(options, shape)) {}

  void prepare(const command& what) override { own_->prepare(what); }
  void begin(loop& on) override {
    used_ = take(on);
    ring_ = ring_of_loop(used_->home());
  }
  std::size_t ring_of(const host&, std::size_t) const noexcept override { return ring_; }
  std::size_t usual_fanout() const noexcept override { return own_->usual_fanout(); }
  std::size_t descriptors() const noexcept override { return own_->descriptors(); }
  login_place login_to(const host& where) const override { return own_->login_to(where); }
  bool reaches_all_itself() const noexcept override { return own_->reaches_all_itself(); }
  void end(std::size_t ring) noexcept override {
    if (ring != ring_) return;
    end_talk();
    const std::shared_ptr<kept_tree> used = std::exchange(used_, nullptr);
    if (used) contain([&] { used->give_back(); }, [](const std::exception_ptr&) {});
  }

 private:
  // What commands say to each other goes through the loop of their action.
  std::shared_ptr<kept_tree> take(loop& on) {
    const std::shared_ptr<kept_trees> all = trees_around(on);
    if (std::shared_ptr<kept_tree> there = all->take(key_, talk() ? &on : nullptr)) {
      own_->begin_without_tree(on);
      return there;
    }
    auto made = std::make_shared<kept_tree>(all, on, key_, own_);
    all->add(made);
    return made;
  }

  std::unique_ptr<transport> transport_to(loop& on, std::size_t, attempt& what) override {
    if (tree_factory* there = used_->open()) return there->make_talking_transport(on, what, talk());
    return std::make_unique<failing_transport>(on, end_reason::connect_failed,
                                               what.where.name() + ": the tree was closed");
  }

  const tree_key key_;
  const std::shared_ptr<tree_factory> own_;
  std::shared_ptr<kept_tree> used_;  // from begin() to end(), on its ring
  std::size_t ring_ = 0;
};

}  // namespace

std::shared_ptr<talking_command_factory> make_kept_tree_factory(ssh_options options,
                                                                const tree& shape) {
  // Who wants a new connection for each command wants no old tree.
  if (shape.settings().idle_close == duration(0) || !options.reuse)
    return make_tree_factory(std::move(options), shape);
  return std::make_shared<kept_tree_factory>(options, shape);
}

}  // namespace execo::detail
