#include "tree/tree_outfit.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <tuple>

#include "base/hex.hpp"
#include "base/machine_name.hpp"
#include "base/random.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

bytes16 random_bytes16() {
  return bytes_of_hex<std::tuple_size_v<bytes16>>(random_hex(std::tuple_size_v<bytes16>));
}

welcome_message tree_outfit::welcome(std::uint32_t index, const std::string& name) const {
  welcome_message made;
  made.tree_secret = secret_;
  made.index = index;
  made.depth = 1;
  made.orphan_grace_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(how_.orphan_grace).count());
  made.grooming_ms = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::milliseconds>(how_.grooming).count());
  made.host = name;
  made.father = machine_name();
  return made;
}

// Without hosts that wait it has no use for programs to start on others.
bool tree_outfit::equip(tree_child& child, connector_message connector, bool hosts) {
  connector.arity = static_cast<std::uint16_t>(how_.arity);
  connector.depth = static_cast<std::uint8_t>(std::min<std::size_t>(how_.depth, UINT8_MAX));
  bool is_able =
      connector.local || (child.hello().can(capability::ssh) && hosts && send_program(child));
  return is_able && child.send(connector) == send_result::queued;
}

// The one of its own kind of machine, for the hosts that it will start.
bool tree_outfit::send_program(tree_child& child) {
  const agent_image* image = find_agent_image(agent_images(), child.hello().arch);
  if (image == nullptr) return false;
  if (program_ != image) plain_ = image->plain();
  program_ = image;
  image_message part;
  part.arch = image->arch();
  part.size = static_cast<std::uint32_t>(plain_.size());
  part.sha256 = bytes_of_hex<32>(image->sha256());
  for (std::size_t at = 0; at < plain_.size(); at += part.bytes.size()) {
    part.offset = static_cast<std::uint32_t>(at);
    part.bytes = std::string_view(plain_).substr(at, chunk_limit);
    if (child.send(part) != send_result::queued) return false;
  }
  return true;
}

}  // namespace execo::detail
