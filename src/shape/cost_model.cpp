#include "shape/cost_model.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace execo::detail {
namespace {

constexpr double descriptors_per_child = 4;  // three pipes of a connector, and its pidfd
constexpr double descriptors_of_a_node = 64;
constexpr double memory_per_child = 6e6;  // an idle ssh client, and the credit of its link

/// The hosts that a full tree holds, or more than `enough`.
std::uint64_t hosts_in(std::uint64_t arity, unsigned depth, std::uint64_t enough) noexcept {
  std::uint64_t all = 0;
  std::uint64_t level = 1;
  for (unsigned i = 0; i < depth && all < enough; ++i) {
    level = level > enough / arity ? enough : level * arity;
    all += level;
  }
  return all;
}

double max_children(const node_limits& of) noexcept {
  double by_files = (of.open_files - descriptors_of_a_node) / descriptors_per_child;
  double by_memory = static_cast<double>(of.memory) / memory_per_child;
  return std::max(1.0, std::min(by_files, by_memory));
}

double chunk_time(const broadcast_cost& of, unsigned children) noexcept {
  return children * of.chunk / of.bandwidth + of.round_trip;
}

}  // namespace

double processor_gap(const connect_cost& at) noexcept { return at.cpu / std::max(at.cores, 1e-3); }

double start_gap(const connect_cost& at) noexcept {
  double held = (1 - at.dead_share) * at.latency + at.dead_share * at.timeout;
  return std::max(processor_gap(at), held / std::max(at.window, 1.0));
}

double flat_time(std::uint64_t hosts, const connect_cost& at) noexcept {
  if (hosts == 0) return 0;
  double others = static_cast<double>(hosts - 1);
  return others * (others < at.window ? processor_gap(at) : start_gap(at)) + at.latency;
}

unsigned tree_depth(std::uint64_t hosts, std::uint64_t arity) noexcept {
  assert(arity > 0);
  if (arity == 1) return static_cast<unsigned>(hosts);
  unsigned depth = 0;
  while (hosts_in(arity, depth, hosts) < hosts) ++depth;
  return depth;
}

std::uint64_t arity_for_depth(std::uint64_t hosts, unsigned depth) noexcept {
  assert(depth > 0);
  std::uint64_t too_few = 0;
  std::uint64_t enough = std::max<std::uint64_t>(hosts, 1);
  while (enough - too_few > 1) {
    std::uint64_t middle = too_few + (enough - too_few) / 2;
    (hosts_in(middle, depth, hosts) >= hosts ? enough : too_few) = middle;
  }
  return enough;
}

double balanced_time(std::uint64_t hosts, std::uint64_t arity, const connect_cost& at) noexcept {
  double children = static_cast<double>(arity);
  double gap = children <= at.window ? processor_gap(at) : start_gap(at);
  return tree_depth(hosts, arity) * ((children - 1) * gap + at.latency);
}

double lambert_w(double x) noexcept {
  assert(x >= 0);
  double w = std::log1p(x);  // above the solution, and Newton's steps come down to it
  for (int i = 0; i < 50; ++i) {
    double power = std::exp(w);
    double step = (w * power - x) / (power * (w + 1));
    w -= step;
    if (std::abs(step) <= 1e-12 * (1 + std::abs(w))) break;
  }
  return w;
}

double best_arity(const connect_cost& at) noexcept {
  double lambda = at.latency / processor_gap(at);
  // Below it a chain of two grows as fast as anything.
  if (lambda <= 1 + 1e-6) return std::numbers::e;
  return (lambda - 1) / lambert_w((lambda - 1) / std::numbers::e);
}

balanced_shape best_balanced(std::uint64_t hosts, const connect_cost& at) noexcept {
  balanced_shape best;
  for (unsigned depth = 1; depth <= max_depth; ++depth) {
    std::uint64_t arity = arity_for_depth(hosts, depth);
    double seconds = balanced_time(hosts, arity, at);
    if (depth == 1 || seconds < best.seconds) best = {depth, arity, seconds};
  }
  return best;
}

double growth_rate(double gap, double latency) noexcept {
  double low = 0;
  double high = std::numbers::ln2 / std::min(gap, latency);
  for (int i = 0; i < 200; ++i) {
    double r = (low + high) / 2;
    (std::exp(-r * gap) + std::exp(-r * latency) > 1 ? low : high) = r;
  }
  return high;
}

double asap_time(std::uint64_t hosts, const connect_cost& at) noexcept {
  if (hosts == 0) return 0;
  double gap = processor_gap(at);
  double latency = at.latency;
  double r = growth_rate(gap, latency);
  double scale = 1 / (r * (gap * std::exp(-r * gap) + latency * std::exp(-r * latency)));
  return latency + std::max(0.0, std::log(static_cast<double>(hosts) / scale) / r);
}

double pipelined_time(const broadcast_cost& of, unsigned children, std::uint64_t depth) noexcept {
  return children * of.bytes / of.bandwidth + static_cast<double>(depth) * chunk_time(of, children);
}

double stop_and_wait_time(const broadcast_cost& of, unsigned children,
                          std::uint64_t depth) noexcept {
  return of.bytes / of.chunk * static_cast<double>(depth) * chunk_time(of, children);
}

shape_choice choose_shape(std::uint64_t hosts, const connect_cost& root, const connect_cost& node,
                          const node_limits& limits, unsigned arity) noexcept {
  if (arity == 0) arity = arity_for(node, limits);
  double flat = flat_time(hosts, root);
  double tree = balanced_time(hosts, arity, node);
  if (flat <= tree) return {shape_kind::flat, 0, flat, tree};
  return {shape_kind::tree, arity, tree, flat};
}

unsigned arity_for(const connect_cost& at, const node_limits& limits) noexcept {
  double wanted = std::clamp<double>(std::round(best_arity(at)), least_arity, max_arity);
  return static_cast<unsigned>(std::min(wanted, max_children(limits)));
}

unsigned arity_on_own_cores(double cores) noexcept {
  connect_cost busy;
  busy.cpu = busy.latency = 1;
  busy.cores = cores;
  return arity_for(busy);
}

unsigned first_window(double cores) noexcept {
  return static_cast<unsigned>(std::clamp(2 * cores, 8.0, 64.0));
}

unsigned first_window_of_root(double cores) noexcept {
  return static_cast<unsigned>(std::clamp(16 * cores, 8.0, 256.0));
}

unsigned arity_of_root(double cores, std::uint32_t open_files) noexcept {
  const double most = max_children({.open_files = open_files, .memory = UINT64_MAX});
  const double wanted = std::max(2 * first_window_of_root(cores), max_arity);
  return static_cast<unsigned>(std::min(wanted, most));
}

unsigned first_window(const connect_cost& measured) noexcept {
  double lambda = measured.latency / processor_gap(measured);
  return static_cast<unsigned>(std::clamp(std::ceil(lambda), 8.0, 64.0));
}

}  // namespace execo::detail
