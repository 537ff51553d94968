// What hosts of one loop are sent: the sources of a put(), their digest, and the pieces that the
// hosts share. All calls are on the loop's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loop/loop.hpp"
#include "transfer/payload.hpp"
#include "transfer/piece_store.hpp"
#include "transfer/source_tree.hpp"

namespace execo::detail {

/// A host that waits for the digest. Pre of destroying it: it does not.
class digest_waiter : public list_node {
 public:
  /// It is there, or cannot be had. From the loop.
  virtual void on_digest() noexcept = 0;

 protected:
  ~digest_waiter() = default;
};

class put_content final : public std::enable_shared_from_this<put_content> {
 public:
  /// Of what `which` says is sent, or was sent earlier.
  put_content(loop& on, std::shared_ptr<const source_tree> tree, payload::form how, bool preserves,
              selection which = {});
  put_content(const put_content&) = delete;
  put_content& operator=(const put_content&) = delete;
  ~put_content();

  const source_tree& tree() const noexcept { return *tree_; }
  const payload& bytes() const noexcept { return payload_; }
  std::uint64_t size() const noexcept { return payload_.size(); }

  /// How many files of the tree have come when all of this has.
  std::size_t files() const noexcept;
  /// The same with fewer files, or as another archive, which hosts with the same needs share.
  /// Throws: std::bad_alloc.
  std::shared_ptr<put_content> part_of(selection which, payload::form how);
  /// What a host is asked about: names_of_files().
  const std::string& names();

  /// Those of the files, too, one by one. Before it is waited for.
  void want_each_digest() noexcept { wants_each_ = true; }
  /// They are there with digest().
  const std::vector<std::string>& digest_of_each() const noexcept { return digest_of_each_; }
  /// Of the contents of the files; computed on a helper thread from the first call on.
  bool has_digest() const noexcept { return stage_ == stage::known; }
  const std::string& digest() const noexcept { return digest_; }
  const copy_failure& failed() const noexcept { return failed_; }
  /// Pre: !has_digest() and !failed().
  /// Throws: std::system_error without a thread, std::bad_alloc.
  void wait_for_digest(digest_waiter& w);

  /// A part of the bytes, held until give_back().
  class part {
   public:
    piece_store::piece* of = nullptr;
    std::span<const char> bytes;
  };
  enum class got : std::uint8_t { bytes, no_room, needs_digest, failure };
  /// What is there from `offset` on, to the end of a piece. Pre: offset < size().
  /// Throws: std::bad_alloc.
  got take(std::uint64_t offset, part& into, copy_failure& why);
  void give_back(const part& p) noexcept { store_.give_back(*p.of); }
  /// For room.
  void wait(piece_waiter& w) noexcept { store_.wait(w); }

 private:
  class digest_job;
  // unasked -> computing -> known or failed
  enum class stage : std::uint8_t { unasked, computing, known, failed };

  void begin_digest();
  void on_digest(digest_job& done) noexcept;

  loop& loop_;
  piece_store& store_;
  std::shared_ptr<const source_tree> tree_;
  const selection which_;
  payload payload_;
  const bool preserves_;
  bool wants_each_ = false;
  std::map<std::pair<selection, payload::form>, std::weak_ptr<put_content>> parts_;
  std::string names_;
  std::string digest_;
  std::vector<std::string> digest_of_each_;
  copy_failure failed_;
  list_node waiters_;
  std::shared_ptr<std::atomic<bool>> given_up_;
  stage stage_ = stage::unasked;
};

}  // namespace execo::detail
