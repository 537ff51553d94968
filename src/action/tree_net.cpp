#include "action/tree_net.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "action/remote_factory.hpp"
#include "base/contain.hpp"
#include "loop/post_call.hpp"
#include "ssh/failing_transport.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {
namespace {

// Before lost hosts are tried again; each round that brings not all of them back doubles it.
constexpr clock::duration first_heal_pause = std::chrono::seconds(1);
constexpr clock::duration longest_heal_pause = std::chrono::seconds(60);

/// Commands of an action on hosts of a tree that is another one's.
class net_factory final : public command_factory, public talking_factory {
 public:
  explicit net_factory(intrusive_ptr<tree_net> net) : net_(std::move(net)) {}

  void begin(loop& on) override {
    if (net_->is_over()) throw std::logic_error(tree_net::was_closed);
    loop& home = net_->place(&on);
    if (std::ranges::find(on.rings(), &home) == on.rings().end())
      throw std::invalid_argument("via: the tree is in another context than the action");
    ring_ = ring_of_loop(home);
    home_ = &home;
  }
  std::size_t ring_of(const host&, std::size_t) const noexcept override { return ring_; }
  std::size_t usual_fanout() const noexcept override { return SIZE_MAX; }
  std::size_t descriptors() const noexcept override { return 0; }
  bool reaches_all_itself() const noexcept override { return false; }
  // The action still holds the files that it has sent: they are dropped on a later turn.
  void end(std::size_t ring) noexcept override {
    if (home_ == nullptr || ring != ring_) return;
    end_talk();
    contain([this] { post_call(*home_, [net = net_] { net->forget_files(); }); },
            [](const std::exception_ptr&) {});
  }

 private:
  std::unique_ptr<transport> transport_to(loop& on, std::size_t, attempt& what) override {
    if (tree_factory* there = net_->open()) return there->make_talking_transport(on, what, talk());
    return std::make_unique<failing_transport>(on, end_reason::connect_failed,
                                               what.where.name() + ": " + tree_net::was_closed);
  }

  intrusive_ptr<tree_net> net_;
  loop* home_ = nullptr;  // null: it has not begun
  std::size_t ring_ = 0;
};

}  // namespace

// -- before it is placed --------------------------------------------------------------------------

tree_net::tree_net(std::vector<host> hosts, const tree& shape, std::optional<ssh_options> options)
    : shape_(shape),
      options_(std::move(options)),
      given_(std::move(hosts)),
      pause_(first_heal_pause),
      heal_timer_(delegate<>::to<&tree_net::heal>(this), "hosts of a tree that were lost"),
      look_(delegate<>::to<&tree_net::look_at_waiters>(this)) {
  // Says now what is wrong with them.
  if (options_) (void)make_tree_factory(*options_, shape_);
}

void tree_net::check_unplaced() const {
  if (home_.load(std::memory_order_acquire) != nullptr)
    throw std::logic_error("a tree_network is configured before it is used");
}

void tree_net::choose(loop& on) {
  check_unplaced();
  chosen_ = &on;
}

void tree_net::set_on_lost(host_call call) {
  check_unplaced();
  on_lost_ = std::move(call);
}

void tree_net::set_on_healed(host_call call) {
  check_unplaced();
  on_healed_ = std::move(call);
}

tree tree_net::shape() const {
  std::lock_guard lock(mutex_);
  return shape_;
}

void tree_net::set_shape(const tree& shape) {
  std::lock_guard lock(mutex_);
  if (home_.load(std::memory_order_acquire) == nullptr) shape_ = shape;
}

const ssh_options& tree_net::options() const noexcept {
  static const ssh_options not_known_yet;
  if (options_) return *options_;
  return home_.load(std::memory_order_acquire) != nullptr ? defaults_ : not_known_yet;
}

loop& tree_net::place(loop* affinity) {
  if (is_over()) return loop_or_default(affinity);
  if (loop* home = home_.load(std::memory_order_acquire)) return *home;
  loop& here = chosen_ != nullptr ? *chosen_ : loop_or_default(affinity);
  std::lock_guard lock(mutex_);
  if (loop* home = home_.load(std::memory_order_acquire)) return *home;
  std::shared_ptr<const ssh_options> set = options_ ? nullptr : defaults_of(here);
  if (set) defaults_ = *set;
  home_.store(&here, std::memory_order_release);
  return here;
}

// From a handler of its own as well: not in the middle of what the tree does.
void tree_net::drop() noexcept {
  loop* home = home_.load(std::memory_order_acquire);
  if (home == nullptr || is_over()) return;
  post_call(*home, [mine = intrusive_ptr<tree_net>(this)] { mine->close(); });
}

tree_status tree_net::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

// -- its life -------------------------------------------------------------------------------------

void tree_net::forget_files() {
  tree_root* root = state_ == state::open ? factory_->root() : nullptr;
  if (root != nullptr) root->forget_unused_files();
}

tree_factory* tree_net::open() {
  if (state_ == state::planned) begin();
  return state_ == state::open ? factory_.get() : nullptr;
}

void tree_net::begin() {
  loop& on = *home_.load(std::memory_order_acquire);
  factory_ = make_tree_factory(options(), shape_);
  factory_->begin(on);
  factory_->root()->watch(static_cast<tree_watcher*>(this));
  state_ = state::open;
  begun_ = on.now();
  self_ = intrusive_ptr<tree_net>(this);
  on.adopt(*this);
  take(std::exchange(given_, {}), indices_);
  publish();
}

void tree_net::take(const std::vector<host>& more, std::vector<std::uint32_t>& as) {
  as.reserve(as.size() + more.size());
  for (const host& one : more) as.push_back(factory_->root()->index_of(one));
}

void tree_net::close() noexcept {
  if (state_ == state::closing || state_ == state::closed) return;
  if (state_ == state::planned) return be_over();
  intrusive_ptr<tree_net> alive(this);
  loop& on = *home_.load(std::memory_order_relaxed);
  state_ = state::closing;
  on.disarm(heal_timer_);
  contain([&] { take_stock(); }, [](const std::exception_ptr&) {});
  factory_->end(ring_of_loop(on));
}

// As it is before it is closed.
void tree_net::take_stock() {
  const tree_root& root = *factory_->root();
  std::vector<std::size_t> children(root.host_count());
  std::size_t of_root = 0;
  for (std::uint32_t i = 0; i < root.host_count(); ++i) {
    const tree_host& one = stats_.hosts.emplace_back(shown(i));
    if (!one.up) continue;
    stats_.depth = std::max(stats_.depth, one.depth);
    stats_.deploy_time = std::max<duration>(stats_.deploy_time, one.up_after);
    const std::uint32_t parent = root.parent_index_of(i);
    std::size_t& its = parent == no_host ? of_root : children[parent];
    stats_.arity = std::max(stats_.arity, ++its);
  }
}

void tree_net::tree_over(const tree_totals& cost) noexcept {
  intrusive_ptr<tree_net> alive(this);
  stats_.bytes_sent = cost.bytes_sent;
  stats_.bytes_received = cost.bytes_received;
  stats_.agents = cost.agents.agents;
  stats_.agents_cpu = std::chrono::microseconds(cost.agents.cpu_us);
  stats_.agents_memory = cost.agents.memory_kib * 1024;
  unlink();
  self_ = {};
  be_over();
}

void tree_net::be_over() noexcept {
  state_ = state::closed;
  {
    std::lock_guard lock(mutex_);
    status_.up = status_.children = status_.depth = 0;
  }
  over_.store(true, std::memory_order_release);
  while (deploying_.linked()) {
    auto& waiter = static_cast<tree_deploy_op&>(*deploying_.next());
    contain([] { throw std::logic_error(was_closed); },
            [&](std::exception_ptr error) { waiter.end(std::move(error)); });
  }
  while (pinging_.linked()) {
    auto& waiter = static_cast<tree_ping_op&>(*pinging_.next());
    contain([] { throw std::logic_error(was_closed); },
            [&](std::exception_ptr error) { waiter.end(std::move(error)); });
  }
  while (closing_.linked()) {
    auto& waiter = static_cast<tree_close_op&>(*closing_.next());
    contain([&] { waiter.found_ = stats_; }, [](const std::exception_ptr&) {});
    waiter.end({});
  }
}

void tree_net::describe(std::vector<std::string>& lines, clock::time_point) const {
  lines.push_back(fmt::format("tree that stands: {} hosts, {} of them to come back",
                              indices_.size(), lost_.size()));
}

void tree_net::publish() noexcept {
  tree_root* root = factory_->root();
  if (root == nullptr) return;
  tree_status now = root->status();
  std::lock_guard lock(mutex_);
  status_ = now;
}

// -- who waits ------------------------------------------------------------------------------------

void tree_net::deploy(tree_deploy_op& waiter) {
  tree_factory* there = open();
  if (there == nullptr) throw std::logic_error(was_closed);
  if (waiter.adds_) {
    take(waiter.added_, waiter.hosts_);
    indices_.insert(indices_.end(), waiter.hosts_.begin(), waiter.hosts_.end());
  } else {
    waiter.hosts_ = indices_;
  }
  waiter.link_before(deploying_);
  there->root()->want_all(waiter.hosts_);
  publish();
  look_at_waiters();
}

void tree_net::close(tree_close_op& waiter) noexcept {
  if (state_ == state::closed) {
    contain([&] { waiter.found_ = stats_; }, [](const std::exception_ptr&) {});
    return waiter.end({});
  }
  waiter.link_before(closing_);
  close();
}

bool tree_net::is_settled(tree_deploy_op& waiter) const noexcept {
  const tree_root& root = *factory_->root();
  std::size_t& at = waiter.settled_;
  while (at < waiter.hosts_.size() && !root.is_wanted(waiter.hosts_[at])) ++at;
  return at == waiter.hosts_.size();
}

void tree_net::look_at_waiters() {
  look_queued_ = false;
  if (state_ != state::open) return;
  for (list_node* n = deploying_.next(); n != &deploying_;) {
    auto& waiter = static_cast<tree_deploy_op&>(*n);
    n = n->next();
    if (is_settled(waiter)) finish(waiter);
  }
}

void tree_net::finish(tree_deploy_op& waiter) noexcept {
  std::exception_ptr problem;
  contain(
      [&] {
        waiter.found_.reserve(waiter.hosts_.size());
        for (std::uint32_t index : waiter.hosts_) waiter.found_.push_back(shown(index));
      },
      [&](std::exception_ptr error) { problem = std::move(error); });
  waiter.end(std::move(problem));
}

tree_host tree_net::shown(std::uint32_t index) const {
  const tree_root* root = factory_->root();
  assert(root != nullptr);
  tree_host made(root->host_of(index));
  made.up = root->is_up(index);
  if (made.up) {
    made.depth = root->depth_of(index);
    made.up_after = up_after_[index];
    const std::uint32_t parent = root->parent_index_of(index);
    if (parent != no_host) made.parent = root->host_of(parent).name();
    return made;
  }
  auto why = failures_.find(index);
  if (why == failures_.end()) return made;
  made.how = why->second.how;
  made.error = why->second.why;
  made.error_context = why->second.text();
  return made;
}

// -- what becomes of hosts ------------------------------------------------------------------------

void tree_net::host_up(std::uint32_t index) noexcept {
  if (state_ != state::open) return;
  failures_.erase(index);
  if (up_after_.size() <= index) up_after_.resize(index + 1);
  up_after_[index] = home_.load(std::memory_order_relaxed)->now() - begun_;
  const bool is_back = lost_.erase(index) != 0;
  if (lost_.empty()) pause_ = first_heal_pause;
  publish();
  if (is_back && on_healed_) on_healed_(shown(index));
  look_soon();
}

void tree_net::host_failed(std::uint32_t index, const failure& why) noexcept {
  if (state_ != state::open) return;
  note(index, why);
  if (lost_.contains(index)) heal_later(index);
  publish();
  look_soon();
}

void tree_net::host_lost(std::uint32_t index, const failure& why) noexcept {
  if (state_ != state::open) return;
  note(index, why);
  lost_.insert(index);
  heal_later(index);
  publish();
  if (on_lost_) on_lost_(shown(index));
}

void tree_net::note(std::uint32_t index, const failure& why) {
  failures_.insert_or_assign(index, why);
}

void tree_net::look_soon() noexcept {
  if (deploying_.linked() && !std::exchange(look_queued_, true))
    home_.load(std::memory_order_relaxed)->defer(look_);
}

void tree_net::heal_later(std::uint32_t index) {
  to_heal_.push_back(index);
  if (heal_timer_.armed()) return;
  home_.load(std::memory_order_relaxed)->arm_after(heal_timer_, pause_);
  pause_ = std::min(2 * pause_, longest_heal_pause);
}

void tree_net::heal() {
  std::vector<std::uint32_t> now = std::exchange(to_heal_, {});
  std::ranges::sort(now);
  contain([&] { factory_->root()->want_all(now); }, [](const std::exception_ptr&) {});
}

// -- seen from outside ----------------------------------------------------------------------------

void retain(tree_net& net) noexcept { net.retain(); }
void release(tree_net& net) noexcept { net.release(); }

tree_net_ref make_tree_net(std::vector<host> hosts, const tree& shape,
                           std::optional<ssh_options> options) {
  return tree_net_ref(new tree_net(std::move(hosts), shape, std::move(options)));
}

void drop_tree_net(const tree_net_ref& net) noexcept { net->drop(); }

const tree_net_ref& state_of(const tree_network& net) {
  if (!net.net_) throw std::logic_error("a tree_network that was moved from has no tree");
  return net.net_;
}

std::shared_ptr<command_factory> make_net_factory(intrusive_ptr<tree_net> net) {
  return std::make_shared<net_factory>(std::move(net));
}

// -- awaiters -------------------------------------------------------------------------------------

loop& tree_op::bind(loop* affinity) { return net_->place(affinity); }

void tree_op::on_start(bool stopped) noexcept {
  abandoned_ = stopped;
  if (stopped) return complete();
  // It may be over, and gone, when this returns.
  std::exception_ptr problem;
  try {
    return enter();
  } catch (...) {
    problem = std::current_exception();
  }
  end(std::move(problem));
}

void tree_op::on_stop() noexcept {
  if (!list_node::linked()) return stop_missed();
  abandoned_ = true;
  leave();
}

void tree_op::end(std::exception_ptr error) noexcept {
  error_ = std::move(error);
  list_node::unlink();
  complete();
}

void tree_op::check() const {
  if (abandoned_) throw operation_cancelled();
  if (error_) std::rethrow_exception(error_);
}

void tree_deploy_op::enter() { net_->deploy(*this); }

void tree_close_op::on_start(bool stopped) noexcept {
  if (stopped) net_->close();
  tree_op::on_start(stopped);
}

void tree_close_op::enter() { net_->close(*this); }

}  // namespace execo::detail

namespace execo {

tree_network& tree_network::on(executor where) & {
  detail::state_of(*this)->choose(loop_of(where));
  return *this;
}

tree_network& tree_network::on_lost(std::function<void(const tree_host&)> call) & {
  detail::state_of(*this)->set_on_lost(std::move(call));
  return *this;
}

tree_network& tree_network::on_healed(std::function<void(const tree_host&)> call) & {
  detail::state_of(*this)->set_on_healed(std::move(call));
  return *this;
}

tree_status tree_network::status() const { return detail::state_of(*this)->status(); }

}  // namespace execo
