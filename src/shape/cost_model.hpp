// How long it takes to reach hosts, in closed form, from what one connection costs. The choices of
// a tree rest on it: flat or tree, and how many children a node has. Times are in seconds.
//
// Terms: the gap g is the time between two starts at one node, the latency L is from the start of a
// connection until the host can connect on by itself, lambda = L / g.
#pragma once

#include <cstdint>

namespace execo::detail {

/// What connecting costs at one node.
struct connect_cost {
  double cpu = 0.02;      ///< CPU of the connecting side, for each connection
  double cores = 1;       ///< that it can use
  double latency = 1;     ///< L
  double window = 64;     ///< connections in flight at a time
  double dead_share = 0;  ///< of the hosts, from 0 to 1
  double timeout = 10;    ///< that a dead host takes
};

/// What a node can hold.
struct node_limits {
  std::uint32_t open_files = 1024;
  std::uint64_t memory = std::uint64_t{1} << 30;
};

inline constexpr unsigned least_arity = 4;
inline constexpr unsigned max_arity = 64;
inline constexpr unsigned max_depth = 6;

/// The gap that the processor allows.
double processor_gap(const connect_cost& at) noexcept;
/// g: the processor's gap, or the one of a window that is full.
double start_gap(const connect_cost& at) noexcept;

/// One node connects to all.
double flat_time(std::uint64_t hosts, const connect_cost& at) noexcept;

/// Levels below the root of a tree that is full. Pre: arity > 0.
unsigned tree_depth(std::uint64_t hosts, std::uint64_t arity) noexcept;
/// The smallest arity that holds the hosts within that depth. Pre: depth > 0.
std::uint64_t arity_for_depth(std::uint64_t hosts, unsigned depth) noexcept;
/// A balanced tree in which each node has `arity` children.
double balanced_time(std::uint64_t hosts, std::uint64_t arity, const connect_cost& at) noexcept;

/// The W with W * exp(W) = x. Pre: x >= 0.
double lambert_w(double x) noexcept;
/// k*: the arity of least time, were depth a real number.
double best_arity(const connect_cost& at) noexcept;

struct balanced_shape {
  unsigned depth = 0;
  std::uint64_t arity = 0;
  double seconds = 0;
};
/// The fastest balanced tree of at most six levels.
balanced_shape best_balanced(std::uint64_t hosts, const connect_cost& at) noexcept;

/// The growth rate r of a tree in which every node that is up starts one host each gap:
/// exp(-r g) + exp(-r L) = 1.
double growth_rate(double gap, double latency) noexcept;
/// The bound of the postal model: each node connects as soon and as long as there are hosts.
double asap_time(std::uint64_t hosts, const connect_cost& at) noexcept;

/// A copy down a tree.
struct broadcast_cost {
  double bytes = 0;
  double chunk = 1 << 20;
  double bandwidth = 1.25e8;  ///< bytes a second that a node sends
  double round_trip = 2e-4;
};
/// Chunks are passed on as they arrive.
double pipelined_time(const broadcast_cost& of, unsigned children, std::uint64_t depth) noexcept;
/// Each chunk is acknowledged by all before the next one is sent.
double stop_and_wait_time(const broadcast_cost& of, unsigned children,
                          std::uint64_t depth) noexcept;

enum class shape_kind : std::uint8_t { flat, tree };

struct shape_choice {
  shape_kind kind = shape_kind::flat;
  unsigned arity = 0;  ///< of a tree
  double seconds = 0;  ///< that the model expects
  double other = 0;    ///< that it expects of the other kind
};
/// Flat as long as that is as fast. `root` is what connecting costs at the root, `node` elsewhere.
/// `arity`: of the tree; 0: as many as connecting suggests.
shape_choice choose_shape(std::uint64_t hosts, const connect_cost& root, const connect_cost& node,
                          const node_limits& limits = {}, unsigned arity = 0) noexcept;

/// How many children a node of those costs should have: k*, from 4 to 64, and no more than fit.
unsigned arity_for(const connect_cost& at, const node_limits& limits = {}) noexcept;
/// The same where hosts are the node's own machine: a start takes its processors all the time, so
/// that lambda is their number.
unsigned arity_on_own_cores(double cores) noexcept;

/// How many connections a node begins with that knows nothing but itself: two for each core, from 8
/// to 64.
unsigned first_window(double cores) noexcept;
/// How many connections the root of a tree begins with: 16 for each processor, from 8 to 256.
unsigned first_window_of_root(double cores) noexcept;
/// How many children it has at most: twice as many, and at least 64, but no more than that many
/// descriptors are enough for.
unsigned arity_of_root(double cores, std::uint32_t open_files) noexcept;
/// How many connections a node begins with that knows what its parent has measured: lambda, which
/// keeps the processor busy, from 8 to 64.
unsigned first_window(const connect_cost& measured) noexcept;

}  // namespace execo::detail
