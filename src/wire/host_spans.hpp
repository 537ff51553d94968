// Between the hosts of a tree as its shape counts them, in spans, and as messages name them, by
// sets and items.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shape/host_span.hpp"
#include "wire/host_messages.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

index_ranges set_of(std::span<const host_span> spans);
/// Fresh, of no zone, and anybody's.
host_spans spans_of(const index_ranges& set);
host_spans spans_of(std::span<const work_item> items);
host_spans in_order(std::span<const host_span> spans);

/// One host.
host_span span_of(std::uint32_t index) noexcept;
host_span span_of(const work_item& item) noexcept;
/// Says of the item what the span says of its hosts. The zone stays.
void mark(work_item& item, const host_span& as) noexcept;

/// An item for each host, in order: `item_of(index)` with the marks of its span.
std::vector<work_item> items_of(std::span<const host_span> spans, auto item_of) {
  std::vector<work_item> items;
  for (const host_span& one : in_order(spans)) {
    for (std::uint64_t index = one.first; index < one.end(); ++index) {
      items.push_back(item_of(static_cast<std::uint32_t>(index)));
      mark(items.back(), one);
    }
  }
  return items;
}

}  // namespace execo::detail
