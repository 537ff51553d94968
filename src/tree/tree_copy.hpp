// What the root of a tree gives to its children of files: each content once to each child that has
// hosts for it, at the pace of that child.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "execo/detail/deadline_timer.hpp"
#include "loop/loop.hpp"
#include "tree/tree_child.hpp"
#include "wire/content_digests.hpp"
#include "wire/content_reader.hpp"
#include "wire/file_messages.hpp"

namespace execo::detail {

/// Bytes that hosts are sent. They are the same each time.
class tree_content {
 public:
  virtual ~tree_content() = default;
  virtual std::uint64_t size() const noexcept = 0;
  /// False: they cannot be had. Pre: offset + into.size() <= size().
  virtual bool read(std::uint64_t offset, std::span<char> into) = 0;
};

class tree_copies {
 public:
  explicit tree_copies(loop& on) noexcept
      : loop_(on),
        read_ahead_(delegate<>::to<&tree_copies::read_ahead>(this), "digests of a copy in a tree") {
  }
  tree_copies(const tree_copies&) = delete;
  tree_copies& operator=(const tree_copies&) = delete;
  ~tree_copies() { loop_.disarm(read_ahead_); }

  /// Its number in the tree. It is held until nobody else holds it.
  std::uint32_t number_of(const std::shared_ptr<tree_content>& what);
  /// Those that nobody holds any more: hosts can let them go.
  std::vector<std::uint32_t> drop_unused();
  /// That child has hosts for it, and may ask.
  void expect(tree_child& child, std::uint32_t number);
  /// Of a child; false: it was not expected to.
  bool take_want(tree_child& child, const file_want_message& want);
  /// The child may have room.
  void serve(tree_child& child);
  void forget(tree_child& child) noexcept { readers_.erase(&child); }

 private:
  class content {
   public:
    std::uint32_t number = 0;
    std::weak_ptr<tree_content> what;
    content_digests digests;  // as far as anybody has read
  };
  content* find(std::uint32_t number) noexcept;
  content_reader* find(tree_child& child, std::uint32_t number) noexcept;
  void serve(tree_child& child, content_reader& to);
  send_result send_part(tree_child& child, content_reader& to, content& from, tree_content& bytes);
  void read_ahead();
  bool read_some(content& from, tree_content& bytes);
  static void send_none(tree_child& child, content_reader& to);

  loop& loop_;
  deadline_timer read_ahead_;  // for hosts that say what they have
  std::uint32_t last_number_ = 0;
  std::vector<content> contents_;
  std::unordered_map<tree_child*, std::vector<content_reader>> readers_;
  std::vector<char> buffer_;
};

}  // namespace execo::detail
