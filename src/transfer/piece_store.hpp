// Pieces of what is sent, kept once for all hosts that are at the same place of it. What one loop
// keeps is bounded: a host that finds no room waits until others have sent what they hold, and
// pieces without a holder are evicted, the oldest first.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// A host that waits for room. Pre of destroying it: it does not.
class piece_waiter : public list_node {
 public:
  /// There may be room now. From the loop.
  virtual void on_room() noexcept = 0;

 protected:
  ~piece_waiter() = default;
};

class piece_store final : public loop_service {
 public:
  static constexpr std::size_t piece_size = std::size_t{64} * 1024;
  /// In all loops of a context together.
  static constexpr std::size_t max_bytes = std::size_t{64} * 1024 * 1024;

  class piece : public list_node {
   public:
    const char* bytes() const noexcept { return bytes_.get(); }
    char* bytes() noexcept { return bytes_.get(); }

   private:
    friend class piece_store;
    const void* of_ = nullptr;
    std::uint64_t number_ = 0;
    unsigned holders_ = 0;
    std::unique_ptr<char[]> bytes_;
  };

  explicit piece_store(loop& on);
  ~piece_store() override;

  /// A piece that somebody has made, held; null if nobody has.
  piece* find(const void* of, std::uint64_t number) noexcept;
  /// A new one, held, to be filled now; null: there is no room.
  /// Throws: std::bad_alloc.
  piece* make(const void* of, std::uint64_t number);
  /// Not held any more by who calls it.
  void give_back(piece& p) noexcept;
  /// It could not be filled. Pre: nobody else holds it.
  void drop(piece& p) noexcept;
  /// Nobody asks for pieces of that any more. Pre: none is held.
  void forget(const void* of) noexcept;
  void wait(piece_waiter& w) noexcept { w.link_before(waiters_); }

 private:
  struct key {
    const void* of;
    std::uint64_t number;
    friend bool operator==(const key&, const key&) = default;
  };
  struct key_hash {
    std::size_t operator()(const key& k) const noexcept {
      return std::hash<const void*>()(k.of) ^ (k.number * 0x9e3779b97f4a7c15U);
    }
  };
  std::unique_ptr<char[]> take_room();
  void notify_waiters() noexcept;

  loop& loop_;
  std::unordered_map<key, std::unique_ptr<piece>, key_hash> pieces_;
  list_node unheld_;  // the oldest first
  list_node waiters_;
  queue_node notice_;
  bool notice_queued_ = false;
  std::size_t room_;  // for so many more
};

}  // namespace execo::detail
