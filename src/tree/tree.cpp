#include "execo/tree.hpp"

#include <stdexcept>

namespace execo {

tree& tree::arity(std::size_t children) & {
  constexpr std::size_t most = 1024;
  if (children > most) throw std::invalid_argument("arity: at most 1024 children");
  settings_.arity = children;
  return *this;
}

tree& tree::chain() & {
  settings_.arity = 1;
  settings_.depth = 255;  // an agent's level is a byte
  return *this;
}

tree& tree::orphan_grace(duration limit) & {
  if (limit < duration(0)) throw std::invalid_argument("orphan_grace: a negative time");
  settings_.orphan_grace = limit;
  return *this;
}

}  // namespace execo
