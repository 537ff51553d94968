#include "tree_simulation.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <queue>
#include <utility>

namespace execo::test {
namespace {

using detail::child_slot;
using detail::host_claim;
using detail::host_fate;
using detail::host_index;
using detail::host_span;
using detail::host_spans;
using detail::pool_decisions;
using detail::work_pool;

using sim_time = std::uint64_t;  // microseconds

sim_time ticks(double seconds) { return static_cast<sim_time>(std::llround(seconds * 1e6)); }
double in_seconds(sim_time t) { return static_cast<double>(t) * 1e-6; }

// What a host is like depends on the seed and its index alone, not on who connects to it.
class simulated_hosts {
 public:
  explicit simulated_hosts(const simulated_run& of) : run_(of) {}

  bool dead(host_index host) const { return share(host, 1) < run_.site.node.dead_share; }
  bool slow(host_index host) const { return share(host, 2) < run_.faults.slow_share; }
  bool leaf(host_index host) const { return share(host, 3) < run_.faults.leaf_share; }
  double latency(host_index host) const {
    double mean = run_.site.node.latency;
    if (run_.site.latency_sigma == 0) return mean;
    double u = std::max(share(host, 4), 1e-12);
    double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * share(host, 5));
    return mean * std::exp(run_.site.latency_sigma * normal);
  }
  /// From 0 to 1.
  double share(std::uint64_t of, std::uint64_t what) const {
    std::uint64_t x = of * 0x9e3779b97f4a7c15U + what * 0xbf58476d1ce4e5b9U + run_.seed;
    for (int i = 0; i < 2; ++i) {
      x ^= x >> 30;
      x *= 0xbf58476d1ce4e5b9U;
      x ^= x >> 27;
      x *= 0x94d049bb133111ebU;
      x ^= x >> 31;
      x += run_.seed * 0xd6e8feb86659fd93U;
    }
    return static_cast<double>(x >> 11) * 0x1p-53;
  }

 private:
  const simulated_run& run_;
};

using node_id = std::uint32_t;  // 0 is the root, a host's is its index + 1
constexpr node_id nobody = 0xffffffff;

enum class sim_kind : std::uint8_t {
  connected,  // or not
  ask,
  work,
  ends,
  revoke,
  returned,
  lost,
  flush,
  tick,
  death
};

struct sim_event {
  sim_time at;
  std::uint64_t order;
  node_id to;
  std::uint32_t what;  // credit, or a message, connection or node by its number
  std::uint32_t life;  // of the node that it is for
  child_slot from;
  sim_kind kind;

  bool operator>(const sim_event& o) const { return at != o.at ? at > o.at : order > o.order; }
};

enum class node_state : std::uint8_t {
  in_tree,
  orphan,  // its parent is lost: it deploys no more, but what it has begun may still come up
  dead
};

struct sim_node {
  sim_node(const detail::pool_rules& rules, node_id above, child_slot there)
      : pool(rules), parent(above), slot(there), depth(rules.depth), arity(rules.arity) {}

  work_pool pool;
  node_id parent;
  child_slot slot;  // at the parent
  std::uint32_t depth;
  std::uint32_t arity;
  std::uint32_t life = 0;
  std::uint64_t held = 0;  // hosts that it was given, until their end or until it gave them back
  sim_time busy_until = 0;
  std::vector<node_id> by_slot;
  host_spans told;  // ends to be told
  node_state state = node_state::in_tree;
  bool flushing = false;
  bool ticking = false;
};

struct sim_connection {
  sim_time decided = 0;
  host_index host = 0;
  host_claim claim = host_claim::fresh;
  bool turned_away = false;
};

// Numbers for values that events speak of.
template <class T>
class slab {
 public:
  std::uint32_t put(T value) {
    if (unused_.empty()) {
      unused_.push_back(static_cast<std::uint32_t>(values_.size()));
      values_.emplace_back();
    }
    std::uint32_t id = unused_.back();
    unused_.pop_back();
    values_[id] = std::move(value);
    return id;
  }
  T take(std::uint32_t id) {
    unused_.push_back(id);
    return std::exchange(values_[id], T());
  }

 private:
  std::vector<T> values_;
  std::vector<std::uint32_t> unused_;
};

// What is true of a host, whatever anybody believes.
struct host_truth {
  std::int64_t up = -1;
  std::uint8_t ends = 0;
  std::uint8_t fresh_starts = 0;
  bool has_agent = false;
};

class tree_simulation {
 public:
  explicit tree_simulation(const simulated_run& of)
      : run_(of), hosts_(run_), truth_(of.hosts), nodes_(std::size_t{of.hosts} + 1) {}

  simulated_end go() {
    detail::pool_rules rules = rules_of(nullptr, 0);
    nodes_[0] = std::make_unique<sim_node>(rules, nobody, 0);
    for (std::uint32_t i = 0; i < run_.faults.deaths; ++i)
      post(ticks(hosts_.share(i, 11) * run_.faults.until), sim_kind::death, 0,
           1 + static_cast<std::uint32_t>(hosts_.share(i, 12) * run_.hosts));
    if (run_.leaders > 0)
      add_bound();
    else
      add_zones();
    while (!events_.empty()) {
      sim_event e = events_.top();
      events_.pop();
      if (e.at > ticks(86400)) break;  // nothing moves any more
      now_ = e.at;
      ++end_.events;
      handle(e);
    }
    return finish();
  }

 private:
  void add(host_span hosts) {
    decided_.clear();
    nodes_[0]->held += hosts.count;
    nodes_[0]->pool.add(hosts, decided_);
    carry_out(0);
  }
  void add_zones() {
    for (std::uint64_t first = 0; first < run_.hosts; first += run_.hosts_of_a_zone) {
      auto count = std::min<std::uint64_t>(run_.hosts_of_a_zone, run_.hosts - first);
      add({static_cast<host_index>(first), static_cast<std::uint32_t>(count), zone_of(first)});
    }
  }
  void add_bound() {
    for (host_index host = 0; host < run_.leaders; ++host) {
      host_span leader{host, 1};
      leader.leads = true;
      add(leader);
    }
    for (host_index host = run_.leaders; host < run_.hosts; ++host) {
      host_span bound{host, 1};
      bound.under = leader_of(host);
      add(bound);
    }
  }
  host_index leader_of(host_index host) const {
    if (host < run_.leaders) return detail::anybody;
    std::uint64_t bound = run_.hosts - run_.leaders;
    return static_cast<host_index>(std::uint64_t{host - run_.leaders} * run_.leaders / bound);
  }

  // --- events ---------------------------------------------------------------------------------

  void post(sim_time after, sim_kind kind, node_id to, std::uint32_t what, child_slot from = 0) {
    std::uint32_t life = nodes_[to] ? nodes_[to]->life : 0;
    events_.push({now_ + after, next_order_++, to, what, life, from, kind});
  }
  static bool has_message(sim_kind kind) {
    return kind == sim_kind::work || kind == sim_kind::ends || kind == sim_kind::revoke ||
           kind == sim_kind::returned;
  }
  void send(sim_kind kind, node_id to, std::uint32_t what, child_slot from = 0) {
    post(ticks(run_.site.link_delay), kind, to, what, from);
  }
  void send_up(sim_node& from, sim_kind kind, std::uint32_t what) {
    send(kind, from.parent, what, from.slot);
  }

  // What a lost child has sent is not heard any more.
  bool heard(const sim_event& e) const {
    const sim_node* to = nodes_[e.to].get();
    if (e.kind == sim_kind::death) return true;
    if (to == nullptr || to->life != e.life) return false;
    if (to->state != node_state::in_tree) return e.kind == sim_kind::connected;
    switch (e.kind) {
      case sim_kind::ask:
      case sim_kind::ends:
      case sim_kind::returned:
      case sim_kind::lost:
        return e.from < to->by_slot.size() && to->by_slot[e.from] != nobody;
      default:
        return true;
    }
  }

  void handle(const sim_event& e) {
    host_spans spans;
    sim_connection of;
    if (has_message(e.kind)) spans = messages_.take(e.what);
    if (e.kind == sim_kind::connected) of = connections_.take(e.what);
    if (!heard(e)) return;
    decided_.clear();
    switch (e.kind) {
      case sim_kind::connected:
        connected(e.to, of);
        break;
      case sim_kind::ask:
        nodes_[e.to]->pool.child_asks(e.from, e.what, decided_);
        break;
      case sim_kind::work:
        nodes_[e.to]->held += hosts_of(spans);
        check(nodes_[e.to]->pool.receive(spans, decided_));
        break;
      case sim_kind::ends:
        ends(e.to, e.from, spans);
        break;
      case sim_kind::revoke:
        revoked(e.to, spans);
        break;
      case sim_kind::returned:
        end_.taken_back += static_cast<std::uint32_t>(hosts_of(spans));
        check(nodes_[e.to]->pool.child_returns(e.from, spans, decided_));
        break;
      case sim_kind::lost:
        lost(e.to, e.from);
        break;
      case sim_kind::flush:
        flush(e.to);
        return;
      case sim_kind::tick:
        nodes_[e.to]->ticking = false;
        nodes_[e.to]->pool.tick(std::chrono::microseconds(now_), decided_);
        break;
      case sim_kind::death:
        die(e.what);
        return;
    }
    carry_out(e.to);
  }
  void check(bool well) { end_.refused += well ? 0 : 1; }

  // --- what a node does -----------------------------------------------------------------------

  void carry_out(node_id id) {
    sim_node& node = *nodes_[id];
    if (node.state != node_state::in_tree) return;
    for (const host_span& one : decided_.start)
      for (std::uint64_t host = one.first; host < one.end(); ++host)
        start(id, static_cast<host_index>(host), one.claim);
    for (const pool_decisions::to_child& give : decided_.give)
      send(sim_kind::work, node.by_slot[give.child], messages_.put(copied(decided_.of(give))));
    for (const pool_decisions::to_child& back : decided_.take_back)
      send(sim_kind::revoke, node.by_slot[back.child], messages_.put(copied(decided_.of(back))));
    if (decided_.parent != pool_decisions::to_parent::nothing)
      send_up(node, sim_kind::ask, decided_.credit);
    if (node.pool.queued() + node.pool.given() != node.held) ++end_.unbalanced;
    if (id == 0) end_.root_bytes = std::max(end_.root_bytes, node.pool.bytes());
    if (node.pool.needs_time() && !node.ticking) {
      node.ticking = true;
      post(1000000, sim_kind::tick, id, 0);
    }
  }
  static host_spans copied(std::span<const host_span> spans) {
    return {spans.begin(), spans.end()};
  }

  void start(node_id by, host_index host, host_claim claim) {
    sim_node& node = *nodes_[by];
    if (claim == host_claim::doubtful)
      ++end_.doubtful;
    else if (truth_[host].fresh_starts++ > 0)
      ++end_.fresh_twice;
    sim_time begun = std::max(now_, node.busy_until);
    node.busy_until = begun + ticks(gap(by));
    if (begun - now_ > ticks(1)) node.pool.overloaded();
    bool away = hosts_.share(next_order_, 13) < run_.faults.turned_away_share;
    double takes = away ? 0.01 : answers(host) ? hosts_.latency(host) : run_.site.node.timeout;
    std::uint32_t id = connections_.put({now_, host, claim, away});
    post(begun - now_ + ticks(takes), sim_kind::connected, by, id);
  }

  bool answers(host_index host) const {
    const sim_node* node = nodes_[host + 1].get();
    return !hosts_.dead(host) && (node == nullptr || node->state != node_state::dead);
  }

  double gap(node_id id) const {
    if (id == 0) return run_.site.node.cpu / run_.site.root_cores;
    double slower = hosts_.slow(id - 1) ? 100 : 1;
    return slower * detail::processor_gap(run_.site.node);
  }

  void connected(node_id by, const sim_connection& of) {
    sim_node& node = *nodes_[by];
    host_truth& is = truth_[of.host];
    bool up = !of.turned_away && answers(of.host);
    if (node.state != node_state::in_tree) {
      // It was begun by somebody who is lost: there may be an agent, or not.
      if (up && hosts_.share(next_order_, 15) < 0.5) is.has_agent = true;
      return;
    }
    if (!up) {
      node.pool.host_failed(of.host,
                            of.turned_away ? detail::connect_failure::turned_away
                                           : detail::connect_failure::unreachable,
                            decided_);
    } else {
      // One that was begun elsewhere is found there.
      if (of.claim == host_claim::fresh && is.has_agent) ++end_.fresh_twice;
      is.has_agent = true;
      if (is.up < 0) is.up = static_cast<std::int64_t>(now_);
      host_index leader = leader_of(of.host);
      if (run_.leaders > 0 && leader != detail::anybody && by != leader + 1) ++end_.astray;
      join(by, of.host, now_ - of.decided);
    }
    tell(by, of.host, up ? host_fate::up : host_fate::failed);
  }

  void join(node_id by, host_index host, sim_time took) {
    sim_node& node = *nodes_[by];
    bool leaf = hosts_.leaf(host);
    child_slot slot =
        node.pool.host_up(host, std::chrono::microseconds(took),
                          leaf ? detail::child_role::leaf : detail::child_role::inner, decided_);
    if (slot >= node.by_slot.size()) node.by_slot.resize(slot + 1, nobody);
    node.by_slot[slot] = host + 1;
    end_.max_children = std::max(end_.max_children, node.pool.children());
    end_.depth = std::max(end_.depth, node.depth + 1);
    std::uint32_t life = nodes_[host + 1] ? nodes_[host + 1]->life + 1 : 0;
    nodes_[host + 1] = std::make_unique<sim_node>(rules_of(&node, host), by, slot);
    sim_node& made = *nodes_[host + 1];
    made.life = life;
    if (leaf) return;
    first_.clear();
    made.pool.joined(first_);
    if (first_.parent != pool_decisions::to_parent::nothing)
      send_up(made, sim_kind::ask, first_.credit);
  }

  std::uint32_t zone_of(std::uint64_t host) const {
    return static_cast<std::uint32_t>(host / run_.hosts_of_a_zone);
  }

  // A child begins with what its parent has measured.
  detail::pool_rules rules_of(const sim_node* parent, host_index host) const {
    detail::pool_rules rules;
    rules.max_depth = run_.max_depth;
    rules.arity = run_.arity != 0 ? run_.arity : detail::arity_of_root(run_.site.root_cores, 65536);
    rules.window = detail::first_window_of_root(run_.site.root_cores);
    if (parent == nullptr) return rules;
    rules.depth = parent->depth + 1;
    rules.zone = zone_of(host);
    rules.self = host;
    detail::connect_cost measured = run_.site.node;
    measured.latency = std::chrono::duration<double>(parent->pool.window().typical()).count();
    if (run_.arity == 0) rules.arity = detail::arity_for(measured);
    rules.window = detail::first_window(measured);
    return rules;
  }

  void ends(node_id id, child_slot from, const host_spans& spans) {
    sim_node& node = *nodes_[id];
    for (const host_span& one : spans) {
      for (std::uint64_t n = one.first; n < one.end(); ++n) {
        auto host = static_cast<host_index>(n);
        auto fate = static_cast<host_fate>(one.zone);
        bool known = node.pool.host_ended(from, host, fate, decided_);
        check(known);
        if (known) tell(id, host, fate);
      }
    }
  }

  // The end of a host goes up; at the root it is the end.
  void tell(node_id id, host_index host, host_fate fate) {
    --nodes_[id]->held;
    if (id == 0) {
      if (truth_[host].ends++ > 0) ++end_.ended_twice;
      return;
    }
    sim_node& node = *nodes_[id];
    // The zone of what is told says how it ended.
    append_span(node.told, {host, 1, static_cast<std::uint32_t>(fate)});
    if (std::exchange(node.flushing, true)) return;
    post(ticks(run_.site.report_delay), sim_kind::flush, id, 0);
  }
  void flush(node_id id) {
    sim_node& node = *nodes_[id];
    node.flushing = false;
    send_up(node, sim_kind::ends, messages_.put(std::exchange(node.told, {})));
  }

  void revoked(node_id id, const host_spans& wanted) {
    sim_node& node = *nodes_[id];
    host_spans back;
    node.pool.revoke(wanted, back);
    node.held -= hosts_of(back);
    send_up(node, sim_kind::returned, messages_.put(std::move(back)));
  }

  void lost(node_id id, child_slot slot) {
    sim_node& node = *nodes_[id];
    node.by_slot[slot] = nobody;
    node.pool.child_lost(slot, decided_);
  }

  // --- deaths ---------------------------------------------------------------------------------

  void die(node_id id) {
    sim_node* node = nodes_[id].get();
    if (node == nullptr || node->state == node_state::dead) return;
    bool was_heard = node->state == node_state::in_tree;
    node->state = node_state::dead;
    for (node_id below : node->by_slot) orphan(below, id);
    // The end of the stream is seen at once, silence after a while.
    double after = hosts_.share(id, 14) < 0.8 ? run_.site.link_delay : 15.0;
    if (was_heard) post(ticks(after), sim_kind::lost, node->parent, 0, node->slot);
  }
  void orphan(node_id id, node_id parent) {
    if (id == nobody) return;
    sim_node* node = nodes_[id].get();
    if (node->parent != parent || node->state != node_state::in_tree) return;
    node->state = node_state::orphan;
    for (node_id below : node->by_slot) orphan(below, id);
  }

  simulated_end finish() {
    for (const host_truth& of : truth_) {
      if (of.ends == 0)
        ++end_.never_ended;
      else if (of.up < 0)
        ++end_.failed;
      if (of.up >= 0) end_.up.push_back(in_seconds(static_cast<sim_time>(of.up)));
    }
    std::ranges::sort(end_.up);
    end_.root_children = nodes_[0]->pool.children();
    return std::move(end_);
  }

  const simulated_run run_;
  simulated_hosts hosts_;
  std::vector<host_truth> truth_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  std::priority_queue<sim_event, std::vector<sim_event>, std::greater<>> events_;
  slab<host_spans> messages_;
  slab<sim_connection> connections_;
  pool_decisions decided_;
  pool_decisions first_;  // of a node that is new
  sim_time now_ = 0;
  std::uint64_t next_order_ = 0;
  simulated_end end_;
};

// One connection after the other, as far as the processor is concerned.
class sim_processor {
 public:
  explicit sim_processor(double gap) : gap_(gap) {}
  double begin(double at) {
    double begun = std::max(at, free_);
    free_ = begun + gap_;
    return begun;
  }

 private:
  double gap_;
  double free_ = 0;
};

class static_tree {
 public:
  static_tree(const simulated_run& of, std::uint32_t arity)
      : run_(of), hosts_(run_), arity_(arity) {}

  simulated_end go() {
    deploy(0, run_.hosts, 0, run_.site.node.cpu / run_.site.root_cores);
    std::ranges::sort(end_.up);
    return std::move(end_);
  }

 private:
  struct group {
    double ready;
    host_index first, end;
    bool operator>(const group& o) const { return ready > o.ready; }
  };

  void deploy(host_index first, host_index end, double at, double gap) {
    sim_processor processor(gap);
    std::priority_queue<group, std::vector<group>, std::greater<>> groups;
    for (std::uint32_t i = 0; i < arity_; ++i) {
      auto part = [&](std::uint64_t n) {
        return static_cast<host_index>(first + (end - first) * n / arity_);
      };
      if (part(i) < part(i + 1)) groups.push({at, part(i), part(i + 1)});
    }
    while (!groups.empty()) {
      group of = groups.top();
      groups.pop();
      double begun = processor.begin(of.ready);
      if (hosts_.dead(of.first)) {
        ++end_.failed;
        of.ready = begun + run_.site.node.timeout;
        if (++of.first < of.end) groups.push(of);
        continue;
      }
      double up = begun + hosts_.latency(of.first);
      end_.up.push_back(up);
      if (of.first + 1 < of.end)
        deploy(of.first + 1, of.end, up, detail::processor_gap(run_.site.node));
    }
  }

  const simulated_run run_;
  simulated_hosts hosts_;
  std::uint32_t arity_;
  simulated_end end_;
};

}  // namespace

simulated_end simulate_tree(const simulated_run& run) { return tree_simulation(run).go(); }

simulated_end simulate_static_tree(const simulated_run& run, std::uint32_t arity) {
  return static_tree(run, arity).go();
}

simulated_end simulate_flat(const simulated_run& run) {
  simulated_hosts hosts(run);
  // In the ticks of the tree, so that the two can be compared.
  const sim_time gap = ticks(run.site.node.cpu / run.site.root_cores);
  sim_time free = 0;
  std::priority_queue<sim_time, std::vector<sim_time>, std::greater<>> places;
  for (int i = 0; i < static_cast<int>(run.site.root_window); ++i) places.push(0);
  simulated_end end;
  for (host_index host = 0; host < run.hosts; ++host) {
    const sim_time begun = std::max(places.top(), free);
    free = begun + gap;
    places.pop();
    const bool dead = hosts.dead(host);
    const sim_time done = begun + ticks(dead ? run.site.node.timeout : hosts.latency(host));
    places.push(done);
    if (dead)
      ++end.failed;
    else
      end.up.push_back(in_seconds(done));
  }
  std::ranges::sort(end.up);
  return end;
}

}  // namespace execo::test
