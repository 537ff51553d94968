// The certificates of a tree, at its root: each child that reaches further hosts has one of its
// own, for the users of the hosts that it was given, and a new one while that is still good.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "loop/loop.hpp"
#include "tree/tree_links.hpp"
#include "tree/tree_way.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

class certificate_desk_owner {
 public:
  virtual void send_errand(std::uint32_t link, tree_links::errand what) = 0;
  /// Which child that is, for the logs of servers.
  virtual std::string name_of_link(std::uint32_t link) = 0;
  /// The child cannot reach these, which it was given.
  virtual void hosts_uncertified(std::uint32_t link, const index_ranges& hosts,
                                 const std::string& why) = 0;

 protected:
  ~certificate_desk_owner() = default;
};

/// granting -> refused   the authority has signed nothing: the root reaches hosts itself
/// refused -> granting   some minutes later
enum class certificate_state : std::uint8_t { granting, refused };

/// Of one child. held -> asked   for its first hosts, for another user, or to renew it; and back.
enum class grant_state : std::uint8_t { held, asked };

/// A part of `counted`, which stays while there is an answer to come.
class certificate_desk {
 public:
  certificate_desk(loop& on, ref_counted& counted, certificate_desk_owner& owner, tree_way& way);

  bool is_used() const noexcept { return way_.certifies(); }
  bool is_refused() const noexcept { return state_ == certificate_state::refused; }

  /// Goes to the child when it has a certificate for the users of these hosts.
  void give(std::uint32_t link, work_message what);
  /// The same, after what it is given.
  void take_back(std::uint32_t link, revoke_message what);
  /// Its child has ended.
  void forget(std::uint32_t link) noexcept { grants_.erase(link); }
  /// There are no children any more, or soon.
  void rest() noexcept;

 private:
  class grant {
   public:
    std::uint64_t number = 0;  // of no other one
    grant_state state = grant_state::held;
    std::set<std::string> users;  // of all its hosts
    std::set<std::string> certified;
    std::deque<tree_links::errand> waiting;
  };

  void ask(std::uint32_t link, grant& its);
  grant* find(std::uint32_t link, std::uint64_t number) noexcept;
  void granted(std::uint32_t link, grant& its, const certificate_message& made,
               const std::set<std::string>& users);
  void refused(std::uint32_t link, grant& its, const std::string& why);
  void renew();

  loop& loop_;
  ref_counted& counted_;
  certificate_desk_owner& owner_;
  tree_way& way_;
  certificate_state state_ = certificate_state::granting;
  std::map<std::uint32_t, grant> grants_;  // by link
  std::uint64_t last_number_ = 0;
  deadline_timer renewal_;
};

}  // namespace execo::detail
