// Messages about hosts: how to reach them, who deploys which, and how that went. See messages.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"
#include "wire/link_messages.hpp"

namespace execo::detail {

/// The command that leads to another host.
class connector_message {
 public:
  static constexpr frame_type type = frame_type::connector;
  connector_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<connector_message> decode(const frame& from);
  friend bool operator==(const connector_message&, const connector_message&) = default;

  /// With %h, %u and %p for host, user and port. Never given to a shell.
  std::vector<std::string> words;
  /// sh in place of ssh, with EXECO_HOST set: `words` are not used.
  bool local = false;
  /// %A is the path of an ssh agent that passes on what it is asked, %K that of a file of the keys
  /// of the hosts; %I and %E are those of the key and the certificate of certificate_message. All
  /// are the agent's own.
  bool relays = false;
  std::uint32_t timeout_ms = 0;  // 0: none
  std::uint16_t arity = 0;       // children of an agent at most; 0: as it likes
  std::uint8_t depth = 0;        // of the last level; 0: as it likes
  std::uint32_t connect_us = 0;  // what the parent has measured, as in steal_message
  std::uint32_t cpu_us = 0;
};

/// A part of an agent's program, for the hosts of one kind of machine. Parts come in order.
class image_message {
 public:
  static constexpr frame_type type = frame_type::image;
  image_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<image_message> decode(const frame& from);
  friend bool operator==(const image_message&, const image_message&) = default;

  machine arch = machine::other;
  std::uint32_t size = 0;  // of the whole
  std::array<char, 32> sha256{};
  std::uint32_t offset = 0;  // of these bytes; with them not above `size`
  std::string_view bytes;
};

/// One host to deploy.
class work_item {
 public:
  work_item() = default;
  friend bool operator==(const work_item&, const work_item&) = default;

  std::uint32_t index = 0;
  std::string name;
  std::string alias;       // as the user gave it; empty: the same
  std::string user;        // empty: the connector's default
  std::uint16_t port = 0;  // 0: the connector's default
  std::uint16_t zone = 0;
  std::string key;        // "ssh-ed25519 AAAA...", that it is to have; empty: the connector knows
  bool doubtful = false;  // an agent that is lost may have begun with it
  bool leads = false;     // others are bound to it
  std::uint32_t under = no_host;  // that is to start it; no_host: anybody
};

/// Hosts that the child has to deploy from now on, itself or through its own children.
class work_message {
 public:
  static constexpr frame_type type = frame_type::work;
  work_message() = default;
  void encode(wire_writer& body) const;
  /// Indices ascend, none comes twice.
  static std::optional<work_message> decode(const frame& from);
  friend bool operator==(const work_message&, const work_message&) = default;

  std::vector<work_item> items;
};

/// Takes items from the front of `left` that fit in one message. Pre: there are some.
work_message take_work(std::vector<work_item>& left);

/// The child has room for `hosts` more; none: it is full, and does not ask again.
class steal_message {
 public:
  static constexpr frame_type type = frame_type::steal;
  steal_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<steal_message> decode(const frame& from);
  friend bool operator==(const steal_message&, const steal_message&) = default;

  std::uint32_t hosts = 0;
  std::uint32_t connect_us = 0;  // of a connection, smoothed; 0: none yet
  std::uint32_t cpu_us = 0;      // that it spent on a connection; 0: none yet
};

/// The parent wants hosts back that the child has not begun to deploy.
class revoke_message {
 public:
  static constexpr frame_type type = frame_type::revoke;
  revoke_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<revoke_message> decode(const frame& from);
  friend bool operator==(const revoke_message&, const revoke_message&) = default;

  index_ranges hosts;
};

/// Those that the child gives back: after that it may not speak for them.
class returned_message {
 public:
  static constexpr frame_type type = frame_type::returned;
  returned_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<returned_message> decode(const frame& from);
  friend bool operator==(const returned_message&, const returned_message&) = default;

  index_ranges hosts;
};

enum class tree_host_state : std::uint8_t { connecting, up, failed };
inline constexpr std::uint8_t tree_host_state_count = 3;

/// Why a host failed.
enum class host_failure : std::uint8_t {
  none,
  connect,      // the connector ended: the words are its last line
  timeout,      // of the connector
  auth,         // it was refused
  host_key,     // unknown or changed
  no_agent,     // it was reached, but the agent cannot run there
  no_resource,  // here: descriptors, processes, memory
  protocol,     // its link broke the protocol
  silent,       // its link went dead
  lost,         // its link ended
};
inline constexpr std::uint8_t host_failure_count = 10;

class host_state_message {
 public:
  static constexpr frame_type type = frame_type::host_state;
  host_state_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<host_state_message> decode(const frame& from);
  friend bool operator==(const host_state_message&, const host_state_message&) = default;

  index_ranges hosts;
  tree_host_state state = tree_host_state::connecting;
  host_failure why = host_failure::none;
  std::string text;                // for people
  std::uint32_t parent = no_host;  // index of who deployed it; no_host: the root
  std::uint8_t depth = 0;
  std::uint32_t connect_ms = 0;
};

}  // namespace execo::detail
