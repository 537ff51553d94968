// Which hosts were given to whom, until they have ended. Each taker has the list of its hosts, in
// the order in which it was given them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "shape/host_span.hpp"

namespace execo::detail {

class given_hosts {
 public:
  using taker = std::uint32_t;

  struct record {
    std::uint32_t zone;
    std::uint16_t mark;  ///< the caller's
    host_claim claim;
  };

  bool empty() const noexcept { return hosts_ == 0; }
  std::size_t size() const noexcept { return hosts_; }
  std::uint32_t size(taker of) const noexcept {
    return of < takers_.size() ? takers_[of].count : 0;
  }

  /// Pre: nobody has it.
  void add(host_index host, taker to, const record& what);
  /// Nothing if that taker does not have it.
  std::optional<record> remove(host_index host, taker from);
  bool has(host_index host, taker of) const noexcept;
  /// Appends up to `most` hosts that the taker was given last.
  void newest(taker of, std::uint64_t most, host_spans& to) const;
  /// Takes all hosts of the taker away, and appends them to `to` as doubtful.
  void take_back(taker from, host_spans& to);

  std::size_t bytes() const noexcept;

 private:
  using entry_id = std::uint32_t;
  static constexpr entry_id nothing = 0xffffffff;

  struct entry {
    host_index host;
    taker by;
    entry_id older;
    entry_id newer;
    record what;
  };
  struct list {
    entry_id oldest = nothing;
    entry_id newest = nothing;
    std::uint32_t count = 0;
  };

  std::size_t home(host_index host) const noexcept;
  std::size_t slot_of(host_index host) const noexcept;
  void grow();
  void clear_slot(std::size_t slot) noexcept;
  entry_id new_entry();
  void unlink(const entry& one) noexcept;
  void erase(std::size_t slot) noexcept;

  static constexpr std::size_t few = 64;

  std::vector<entry> entries_;
  entry_id unused_ = nothing;    // chained by `older`
  std::vector<entry_id> slots_;  // a power of two, at most three quarters in use
  std::vector<list> takers_;
  std::size_t hosts_ = 0;
};

}  // namespace execo::detail
