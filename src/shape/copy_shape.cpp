#include "shape/copy_shape.hpp"

#include <initializer_list>

#include "shape/cost_model.hpp"
#include "shape/reach_choice.hpp"

namespace execo::detail {
namespace {

// Less is sent while a host is being reached.
constexpr std::uint64_t least_bytes = 1024 * 1024;

}  // namespace

unsigned copy_arity(std::uint64_t hosts, std::uint64_t bytes) noexcept {
  if (bytes < least_bytes) return 0;
  const connect_cost login = cost_of_relayed_login();
  broadcast_cost copy;
  copy.bytes = static_cast<double>(bytes);
  auto seconds_with = [&](unsigned arity) {
    return balanced_time(hosts, arity, login) +
           pipelined_time(copy, arity, tree_depth(hosts, arity));
  };
  unsigned best = 0;
  double least = seconds_with(arity_for(login));
  for (unsigned arity : {4U, 3U, 2U}) {
    if (seconds_with(arity) >= least) continue;
    best = arity;
    least = seconds_with(arity);
  }
  return best;
}

}  // namespace execo::detail
