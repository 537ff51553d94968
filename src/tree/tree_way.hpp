// How the root of a tree comes to hosts, and what it tells agents of them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "process/lifecycle.hpp"
#include "ssh/certificate_wish.hpp"
#include "wire/host_messages.hpp"
#include "wire/sign_messages.hpp"

namespace execo::detail {

class route_source;

class tree_way {
 public:
  virtual ~tree_way() = default;
  /// A command on the host whose input is written and whose output is read by who gets it.
  /// `through`: leads there; null: the options say what does.
  virtual intrusive_ptr<lifecycle> run_on(const host& where, std::size_t index, std::string text,
                                          const std::shared_ptr<route_source>& through) = 0;
  /// How agents come to further hosts; nothing: they do not.
  virtual std::optional<connector_message> connector() const = 0;
  /// As whom, and where. For a connector that relays: without a key if agents cannot come to it.
  virtual work_item item_for(const host& where) const = 0;
  /// What the ssh of an agent that logs in to that host is answered, as a message of an ssh agent.
  /// `done` is called from the loop, if at all.
  virtual void answer(const host& where, sign_ask_message ask,
                      std::function<void(std::string)> done) = 0;
  /// Agents log in with certificates.
  virtual bool certifies() const noexcept { return false; }
  /// One, for a key that nobody has had; nothing, and why. `done` is called from the loop, later,
  /// if at all. Pre: certifies().
  virtual void certify(
      certificate_wish,
      std::function<void(std::optional<certificate_message>, const std::string&)>) {}
  /// No `done` is called any more.
  virtual void forget_answers() noexcept = 0;
};

}  // namespace execo::detail
