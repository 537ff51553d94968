/// tree: commands on many hosts by way of each other.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "execo/host_set.hpp"
#include "execo/time.hpp"

namespace execo {

namespace detail {

class tree_plan;

class tree_settings {
 public:
  tree_settings() = default;
  std::size_t arity = 0;
  std::size_t depth = 0;
  duration orphan_grace = std::chrono::seconds(30);
  duration idle_close = std::chrono::seconds(60);
  duration grooming = std::chrono::milliseconds(100);
  bool site_trust = false;
  bool tunnel = false;
  std::string authority;                  // the file of a key; empty: none
  std::shared_ptr<const tree_plan> plan;  // null: no shape by hand
  friend bool operator==(const tree_settings&, const tree_settings&) = default;
};

}  // namespace detail

/// How hosts reach further hosts: `remote("uname -r", hosts).via(tree().arity(16))`.
///
/// Hosts need no more than what leads to them, and sh. Each is given an agent, a process in memory
/// that leaves no file behind; it reaches further hosts in the same way, and ends with the tree.
class [[nodiscard]] tree {
 public:
  tree() = default;

  /// The most children of the root and of each agent. 0, the default: as many as connecting costs
  /// suggest, 64 at most. Throws: std::invalid_argument above 1024.
  tree& arity(std::size_t children) &;
  tree&& arity(std::size_t children) && { return std::move(arity(children)); }
  /// The most levels below the root; 1: agents have no children. 0, the default: no limit.
  tree& depth(std::size_t levels) & {
    settings_.depth = levels;
    return *this;
  }
  tree&& depth(std::size_t levels) && { return std::move(depth(levels)); }
  /// Each host has one child: whatever their number, no host sends a file more than once. For large
  /// files; commands reach the last host after all others. Sets arity() and depth().
  tree& chain() &;
  tree&& chain() && { return std::move(chain()); }
  /// Agents reach further hosts by the program ssh of their host, as its user there, with the keys,
  /// the configuration and the known hosts of that user. Without it they have nothing of all that:
  /// the root signs their logins, to hosts whose keys it knows, and reaches all others itself.
  tree& site_trust() & {
    settings_.site_trust = true;
    return *this;
  }
  tree&& site_trust() && { return std::move(site_trust()); }
  /// No host on the way is trusted with anything: this process itself logs in to each host, end to
  /// end. What leads there by gateway() or topology(), one of which is needed, is an agent that
  /// connects to the host and passes on bytes that it cannot read or change unnoticed. Over ssh
  /// alone, which this process speaks itself: neither site_trust(), certificate_authority() and
  /// connectors nor the program ssh. Each host costs this process a login and a connection: for up
  /// to some 2,000 hosts.
  tree& tunnel() & {
    settings_.tunnel = true;
    return *this;
  }
  tree&& tunnel() && { return std::move(tunnel()); }
  /// How long agents that have lost their parent let commands run: 30 s by default.
  /// Throws: std::invalid_argument below 0.
  tree& orphan_grace(duration limit) &;
  tree&& orphan_grace(duration limit) && { return std::move(orphan_grace(limit)); }

  /// All other hosts are reached through these, which take turns. They run a command only if it is
  /// for them, too. Hosts of one that fails are reached as without it. Replaces what was given.
  tree& gateway(const host_set& hosts) &;
  tree&& gateway(const host_set& hosts) && { return std::move(gateway(hosts)); }
  /// Which hosts are reached through which others: the text of a topology.conf of ClusterShell, at
  /// most eight routes one after the other. This process is where the routes of its machine begin.
  /// Hosts on no route are reached as without it. Replaces what was given.
  /// Throws: std::invalid_argument for what is no topology; host_set_error.
  tree& topology(std::string_view text) &;
  tree&& topology(std::string_view text) && { return std::move(topology(text)); }

  /// These are near each other: in one rack, or at one site. Hosts of a zone are reached by others
  /// of it, as long as there are some; the root begins with one of each zone. Each call is for one
  /// more zone; a host of two is in the first. Throws: std::invalid_argument above 65,535 zones.
  tree& zone(const host_set& hosts) &;
  tree&& zone(const host_set& hosts) && { return std::move(zone(hosts)); }

  /// How long the tree of an action stands when the action has ended, for the next action of its
  /// context with the same hosts' options and the same shape: 60 s by default; 0: it ends with its
  /// action. Throws: std::invalid_argument below 0.
  tree& idle_close(duration limit) &;
  tree&& idle_close(duration limit) && { return std::move(idle_close(limit)); }
  /// How long an agent holds output back, so that equal output of several hosts goes up once: 100
  /// ms by default; 0: not at all. Throws: std::invalid_argument below 0 and above one minute.
  tree& grooming(duration limit) &;
  tree&& grooming(duration limit) && { return std::move(grooming(limit)); }
  /// Agents log in with a key of their own, made for the tree, that has a certificate of this
  /// authority for a few minutes: no login waits for the root. `file` is the private key of an ssh
  /// CA that the hosts trust (TrustedUserCAKeys of sshd_config); or its public key, where the ssh
  /// agent of the caller has the private one. It never leaves this process.
  tree& certificate_authority(std::string file) & {
    settings_.authority = std::move(file);
    return *this;
  }
  tree&& certificate_authority(std::string file) && {
    return std::move(certificate_authority(std::move(file)));
  }

  const detail::tree_settings& settings() const noexcept { return settings_; }

 private:
  detail::tree_settings settings_;
};

/// What a tree looks like.
class tree_status {
 public:
  tree_status() = default;
  std::size_t hosts = 0;     ///< that were wanted so far
  std::size_t up = 0;        ///< that have an agent
  std::size_t failed = 0;    ///< that could not be reached
  std::size_t direct = 0;    ///< that can have no agent, and are reached without one
  std::size_t children = 0;  ///< of the root
  std::size_t depth = 0;     ///< levels below the root
};

}  // namespace execo
