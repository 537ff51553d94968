#include "action/copy_way.hpp"

#include <utility>

#include "action/kept_trees.hpp"
#include "action/remote_factory.hpp"
#include "shape/copy_shape.hpp"
#include "tree/tree_plan.hpp"

namespace execo::detail {
namespace {

bool has_any_shape(const tree_settings& how) noexcept {
  const bool is_by_hand = how.plan && how.plan->has_ways();
  return how.arity == 0 && how.depth == 0 && !is_by_hand;
}

// Of any depth: that follows from the arity.
std::optional<tree> fitted(const tree& shape, std::uint64_t hosts, std::uint64_t bytes) {
  constexpr std::size_t any_depth = 255;
  if (!has_any_shape(shape.settings())) return std::nullopt;
  const unsigned arity = copy_arity(hosts, bytes);
  if (arity == 0) return std::nullopt;
  tree made = shape;
  made.arity(arity).depth(any_depth);
  return made;
}

}  // namespace

copy_way::copy_way() : factory_(make_remote_factory(ssh_options())) {}

void copy_way::set_ssh(ssh_options options) {
  options_ = std::move(options);
  choose();
}

void copy_way::set_tree(const tree& shape) {
  shape_ = shape;
  net_ = {};
  choose();
}

void copy_way::set_net(intrusive_ptr<tree_net> net) {
  shape_.reset();
  net_ = std::move(net);
  choose();
}

std::string copy_way::take_tree_if_faster(const std::vector<host>& hosts,
                                          const way_wishes& wishes) {
  if (is_by_others() || options_.via != ssh_client::automatic) return {};
  way_choice found = execo::choose_way(hosts, options_, wishes);
  if (!found.is_tree) return {};
  options_ = directly(std::move(options_));
  set_tree(tree());
  return std::move(found.why);
}

void copy_way::choose() {
  if (net_)
    factory_ = make_net_factory(net_);
  else if (shape_)
    factory_ = make_kept_tree_factory(options_, *shape_);
  else
    factory_ = make_remote_factory(options_);
}

void copy_way::fit_shape(const command& what, std::uint64_t hosts, std::uint64_t bytes) {
  if (!is_by_others()) return;
  std::optional<tree> suits = fitted(net_ ? net_->shape() : *shape_, hosts, bytes);
  if (!suits) return;
  if (net_) return net_->set_shape(*suits);
  factory_ = make_kept_tree_factory(options_, *suits);
  factory_->prepare(what);
}

}  // namespace execo::detail
