// The talks of the commands of a tree, at its root: between their groups and the children.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "tree/talk_group.hpp"
#include "tree/tree_child.hpp"

namespace execo::detail {

class tree_talks final : private talk_way {
 public:
  tree_talks() = default;
  tree_talks(const tree_talks&) = delete;
  tree_talks& operator=(const tree_talks&) = delete;
  ~tree_talks();

  /// It has a number here from now on. False: it is of another tree, or over.
  bool enter(talk_group& group);
  /// Its command there was sent by that child.
  void join(talk_group& group, std::uint32_t rank, std::uint32_t host, tree_child& child);
  /// A frame of a talk. False if it breaks the rules.
  bool take(const tree_child& child, const frame& f);
  /// The child may have room.
  void serve(const tree_child& child);
  /// It is lost, and all that are reached that way.
  void forget(const tree_child& child) noexcept;

 private:
  /// A message with bytes of its own.
  template <class Message, std::string_view Message::*Bytes>
  class kept_message {
   public:
    explicit kept_message(const Message& what) : message_(what), bytes_(what.*Bytes) {
      message_.*Bytes = {};
    }
    /// Valid as long as this is.
    Message message() const {
      Message made = message_;
      made.*Bytes = bytes_;
      return made;
    }

   private:
    Message message_;  // without them
    std::string bytes_;
  };
  using deliver_copy = kept_message<deliver_message, &deliver_message::bytes>;
  using gathered_copy = kept_message<gathered_message, &gathered_message::text>;
  using errand = std::variant<deliver_copy, accepted_message, gathered_copy>;
  class link {
   public:
    tree_child* child = nullptr;
    std::deque<errand> unsent;
  };

  void tell(talk_link to, deliver_message what) override;
  void tell(talk_link to, accepted_message what) override;
  void tell(talk_link to, gathered_message what) override;
  template <class Copy, class Message>
  void send_or_keep(talk_link to, const Message& what);
  static send_result send(tree_child& to, const errand& what);
  template <class Message>
  bool take_as(const tree_child& child, const frame& f);
  void drop_closed();

  std::unordered_map<std::uint32_t, intrusive_ptr<talk_group>> groups_;  // by number
  std::unordered_map<talk_link, link> links_;                            // by the host of the child
  std::uint32_t last_number_ = 0;
};

}  // namespace execo::detail
