// One client of a port forward, at whichever end, and what carries the forward out.
#pragma once

#include <string>

#include "execo/detail/node.hpp"
#include "loop/loop.hpp"
#include "ssh/forward_state.hpp"
#include "ssh/forwarder.hpp"

namespace execo::detail {

class resolver;

/// Its owner's, until client_gone().
class forwarded_client : public list_node {
 public:
  forwarded_client() = default;
  virtual ~forwarded_client() = default;
  virtual void close() = 0;
};

class forwarded_owner {
 public:
  virtual loop& home() const noexcept = 0;
  virtual const forward_plan& plan() const noexcept = 0;
  virtual forwarder& forwards() = 0;
  virtual resolver& names() = 0;
  virtual forward_traffic& traffic() noexcept = 0;
  virtual void note_opened() noexcept = 0;
  virtual void note_failure(std::string why) noexcept = 0;
  /// Destroys it: its last event. May come from inside a call of it.
  virtual void client_gone(forwarded_client& client) noexcept = 0;

 protected:
  ~forwarded_owner() = default;
};

}  // namespace execo::detail
