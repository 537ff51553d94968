// How long a tree takes to reach hosts, in simulated time: the scheduler of the tree's nodes as it
// is, beside the closed form, a static balanced tree and a flat fan-out. Nothing is connected to.
//
//   tree_shape [--seed N] [--site A|B|C] [HOSTS]...
//   tree_shape --auto                   what ssh_client::automatic takes
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <execo/way_choice.hpp>

#include "measure.hpp"
#include "tree_simulation.hpp"

namespace {

namespace detail = execo::detail;
using execo::test::simulated_end;
using execo::test::simulated_run;

struct site {
  const char* name;
  detail::connect_cost cost;
};

struct weather {
  const char* name;
  double sigma, dead_share;
};

std::vector<site> sites() {
  return {{"A  c 11 ms, p 4, L 0.6 s", {.cpu = 0.011, .cores = 4, .latency = 0.6, .window = 256}},
          {"B  c 88 ms, p 2, L 1.0 s", {.cpu = 0.088, .cores = 2, .latency = 1.0, .window = 256}},
          {"C  c 20 ms, p 2, L 3.0 s", {.cpu = 0.020, .cores = 2, .latency = 3.0, .window = 256}}};
}

std::vector<weather> weathers() {
  return {{"alike", 0, 0}, {"differ", 0.5, 0}, {"1 % dead", 0, 0.01}, {"both", 0.5, 0.01}};
}

void print_row(const simulated_run& run, const weather& in) {
  bench::usage before = bench::usage::now();
  simulated_end tree = simulate_tree(run);
  double cpu = (bench::usage::now() - before).own;
  simulated_end fixed = simulate_static_tree(run, 32);
  simulated_end flat = simulate_flat(run);
  std::printf("  %-9s %7.2f %7.2f %7.2f   %7.2f %7.2f   %9.2f %9.2f   %5u %5.1f %6.1f %7.2f\n",
              in.name, tree.part(0.5), tree.part(0.99), tree.last(), fixed.part(0.99), fixed.last(),
              flat.part(0.99), flat.last(), tree.depth,
              static_cast<double>(tree.events) / run.hosts,
              static_cast<double>(tree.root_bytes) / run.hosts, cpu);
  std::fflush(stdout);
  if (tree.never_ended + tree.ended_twice + tree.fresh_twice + tree.refused > 0)
    std::printf("  WRONG: never ended %u, ended twice %u, begun twice %u, refused %u\n",
                tree.never_ended, tree.ended_twice, tree.fresh_twice, tree.refused);
}

void print_table(const site& at, std::uint32_t hosts, std::uint64_t seed) {
  detail::balanced_shape best = detail::best_balanced(hosts, at.cost);
  std::printf("\n%s, %u hosts: best balanced tree %.2f s (depth %u, arity %llu), bound %.2f s\n",
              at.name, hosts, best.seconds, best.depth, static_cast<unsigned long long>(best.arity),
              detail::asap_time(hosts, at.cost));
  std::printf("  %-9s %23s   %15s   %19s   %5s %5s %6s %7s\n", "hosts", "tree: p50     p99    last",
              "static 32: p99    last", "flat 256: p99      last", "depth", "ev/h", "B/host",
              "CPU s");
  for (const weather& in : weathers()) {
    simulated_run run;
    run.hosts = hosts;
    run.seed = seed;
    run.site.node = at.cost;
    run.site.node.dead_share = in.dead_share;
    run.site.latency_sigma = in.sigma;
    print_row(run, in);
  }
}

// A fanout beside the usual one, which bounds a tree as well; 0: none.
void print_choice(std::size_t hosts, std::size_t usual_fanout, std::size_t fanout) {
  std::vector<execo::host> all;
  for (std::size_t i = 1; i <= hosts; ++i) all.emplace_back("n" + std::to_string(i));
  execo::ssh_options options;
  options.config_file = "none";
  execo::way_wishes wishes;
  wishes.usual_fanout = usual_fanout;
  wishes.fanout = fanout;
  const execo::way_choice found = execo::choose_way(all, options, wishes);
  std::printf("  %5zu hosts, %5zu at a time, in a tree %-8s %-7s since %s\n", hosts,
              fanout == 0 ? usual_fanout : fanout,
              fanout == 0 ? "all:" : "as many:", found.is_tree ? "tree," : "direct,",
              found.why.c_str());
}

int print_choices() {
  for (std::size_t hosts : {513U, 600U, 10'000U}) {
    print_choice(hosts, 64, 0);
    print_choice(hosts, hosts, 0);
    print_choice(hosts, 64, 64);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::string only;
  std::vector<std::uint32_t> sizes;
  if (argc == 2 && std::string_view(argv[1]) == "--auto") return print_choices();
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--seed" && i + 1 < argc)
      seed = std::strtoull(argv[++i], nullptr, 10);
    else if (std::string_view(argv[i]) == "--site" && i + 1 < argc)
      only = argv[++i];
    else
      sizes.push_back(static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  }
  if (sizes.empty()) sizes = {10000, 100000, 1000000};
  for (std::uint32_t hosts : sizes)
    for (const site& at : sites())
      if (std::string_view(at.name).starts_with(only)) print_table(at, hosts, seed);
}
