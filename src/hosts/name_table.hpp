#pragma once

// The content of a host_set: for each pattern of names its set of indexes. The only name of a
// pattern is kept as plain text (16 bytes and the text), since inventories of irregular names have
// nearly as many patterns as names; the second name of a pattern makes it an index_set.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/index_set.hpp"
#include "hosts/name_pattern.hpp"

namespace execo::detail {

class name_table {
 public:
  name_table() = default;
  name_table(const name_table& other);
  name_table& operator=(const name_table&) = delete;
  ~name_table();

  // Changes; the caller has exclusive access. add_* leave it unsettled.
  void add_name(std::string_view name);
  void add_boxes(std::string_view pattern, box sides);
  /// Room for that many names with so much text; trim() gives back what was not needed.
  void reserve(std::size_t names, std::size_t text);
  void trim();
  void apply(const name_table& other, set_operation op);

  // Questions, from any thread.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] bool contains(const name_table& other) const;
  [[nodiscard]] bool equals(const name_table& other) const;

  // A pattern and its names, for callers that iterate over a table.
  struct view {
    std::string_view name;     // the only name, if `indexes` is null
    std::string_view pattern;  // else
    const index_set* indexes = nullptr;
    [[nodiscard]] std::uint64_t count() const { return indexes ? indexes->count() : 1; }
  };
  /// About how long the names are together, where each pattern has one.
  [[nodiscard]] std::size_t text_size() const noexcept { return text_.size() + entries_.size(); }
  /// Number of patterns.
  [[nodiscard]] std::size_t patterns() const;
  /// The i-th pattern in order of the text.
  [[nodiscard]] view at(std::size_t i) const;
  /// The pattern that holds the n-th name, and the number of names before it. Pre: n < size().
  struct place {
    std::size_t pattern;
    std::uint64_t before;
  };
  [[nodiscard]] place find_nth(std::uint64_t n) const;

 private:
  using entry_id = std::uint32_t;
  static constexpr std::uint32_t single = 0xffffffff;
  static constexpr entry_id no_entry = 0xffffffff;

  struct entry {
    std::uint32_t text;  // where its text begins: the name of a single one, else the pattern
    std::uint32_t length;
    std::uint32_t hash;     // of the pattern
    std::uint32_t indexes;  // in sets_, or `single`
  };

  // The hash again, so that looking for a pattern touches few entries.
  struct slot {
    std::uint32_t hash;
    entry_id id;
  };

  struct ordering {
    std::vector<entry_id> entries;
    std::vector<std::uint64_t> starts;  // number of names before each
  };

  [[nodiscard]] std::string_view text_of(const entry& e) const noexcept {
    return std::string_view(text_).substr(e.text, e.length);
  }
  [[nodiscard]] bool has_pattern(const entry& e, std::string_view pattern) const noexcept;
  [[nodiscard]] entry_id find(std::string_view pattern, std::uint32_t hash) const noexcept;
  [[nodiscard]] entry_id find_same(const name_table& other, const entry& e,
                                   std::string& pattern) const;
  void take_slot(std::uint32_t hash, entry_id id) noexcept;
  entry_id add_entry(std::string_view text, std::uint32_t hash, std::uint32_t indexes);
  void grow_slots();
  index_set& as_set(entry& e, std::string_view pattern, std::vector<index_key>& keys);
  [[nodiscard]] std::unique_ptr<index_set> set_of(const entry& e) const;
  void unite_entry(const name_table& other, const entry& e);
  void keep_only(const std::function<bool(entry&)>& kept);
  void changed() noexcept;
  void merge_pending() const;
  void merge_pending_now();
  [[nodiscard]] const ordering& ordered() const;
  [[nodiscard]] std::uint64_t begin_of(const entry& e) const noexcept;
  [[nodiscard]] bool before(entry_id a, entry_id b) const noexcept;
  [[nodiscard]] std::unique_ptr<ordering> make_ordering() const;

  std::string text_;
  std::vector<entry> entries_;
  std::vector<slot> slots_;  // open addressing by hash of the pattern
  std::vector<std::unique_ptr<index_set>> sets_;
  std::string scratch_;  // one pattern at a time
  std::vector<index_key> scratch_keys_;

  mutable std::mutex settling_;
  mutable std::atomic<bool> merged_{true};
  mutable std::atomic<const ordering*> order_{nullptr};
  std::atomic<std::uint64_t> size_{0};
};

}  // namespace execo::detail
