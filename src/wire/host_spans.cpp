#include "wire/host_spans.hpp"

#include <algorithm>

namespace execo::detail {

index_ranges set_of(std::span<const host_span> spans) {
  index_ranges set;
  for (const host_span& one : spans)
    set |= index_ranges(one.first, static_cast<std::uint32_t>(one.end() - 1));
  return set;
}

host_spans spans_of(const index_ranges& set) {
  host_spans spans;
  for (const index_range& one : set.ranges()) {
    spans.push_back(span_of(one.first));
    spans.back().count = one.last - one.first + 1;
  }
  return spans;
}

host_spans spans_of(std::span<const work_item> items) {
  host_spans spans;
  for (const work_item& one : items) append_span(spans, span_of(one));
  return spans;
}

host_spans in_order(std::span<const host_span> spans) {
  host_spans sorted(spans.begin(), spans.end());
  std::ranges::sort(sorted, {}, &host_span::first);
  return sorted;
}

host_span span_of(std::uint32_t index) noexcept {
  host_span one;
  one.first = index;
  one.count = 1;
  return one;
}

host_span span_of(const work_item& item) noexcept {
  host_span one = span_of(item.index);
  one.zone = item.zone;
  one.claim = item.doubtful ? host_claim::doubtful : host_claim::fresh;
  one.leads = item.leads;
  one.under = item.under;
  return one;
}

void mark(work_item& item, const host_span& as) noexcept {
  item.doubtful = as.claim == host_claim::doubtful;
  item.leads = as.leads;
  item.under = as.under;
}

}  // namespace execo::detail
