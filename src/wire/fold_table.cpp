#include "wire/fold_table.hpp"

#include <algorithm>
#include <cstring>

namespace execo::detail {

namespace {

// What an entry costs beside its bytes, roughly: a flood of empty texts is bounded too.
constexpr std::size_t entry_cost = 256;

bool is_alike(const ended_message& a, const ended_message& b) noexcept {
  return a.run == b.run && a.how == b.how && a.code == b.code && a.forced == b.forced &&
         a.whole == b.whole && a.text == b.text;
}

}  // namespace

fold_table::text::text(const folded_message& from)
    : run(from.run),
      stream(from.stream),
      offset(from.offset),
      digest(from.digest),
      bytes(from.bytes),
      hosts(from.hosts) {}

std::size_t fold_table::text_hash::operator()(const text_key& key) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, key.digest.data(), sizeof hash);
  return hash ^ key.run ^ key.offset ^ static_cast<std::size_t>(key.stream);
}

fold_table::ending::ending(const ended_message& like) : about(like) {
  about.hosts.clear();
  about.measures.clear();
}

void fold_table::ending::add(const ended_message& end) {
  auto measure = end.measures.begin();
  end.hosts.for_each([&](std::uint32_t index) { hosts.emplace_back(index, *measure++); });
}

// --- who is expected ---

fold_table::waiting_place fold_table::find_waiting(std::uint32_t run) noexcept {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [run](const waiting& w) { return w.run == run; });
}

void fold_table::expect(std::uint32_t run, const index_ranges& hosts) {
  if (hosts.empty()) return;
  if (waiting_place known = find_waiting(run); known != waiting_.end())
    known->hosts |= hosts;
  else
    waiting_.emplace_back(run, hosts);
}

bool fold_table::is_expected(std::uint32_t run, const index_ranges& hosts) noexcept {
  const waiting_place known = find_waiting(run);
  return known != waiting_.end() && known->hosts.contains(hosts);
}

void fold_table::end(std::uint32_t run, const index_ranges& hosts) {
  const waiting_place known = find_waiting(run);
  known->hosts -= hosts;
  if (!known->hosts.empty()) return;
  waiting_.erase(known);
  due_ = wire_time::min();
}

// --- what comes ---

fold_result fold_table::add(const folded_message& output, wire_time now) {
  if (!is_expected(output.run, output.hosts)) return fold_result::unexpected;
  if (auto known = places_.find(text_key(output)); known != places_.end()) {
    text& t = *known->second;
    if (output.has_bytes && output.bytes != t.bytes) return fold_result::forged;
    t.hosts |= output.hosts;
    hold_since(now);
    return fold_result::taken;
  }
  if (!output.has_bytes) return fold_result::unknown;
  if (digest_of(output.bytes) != output.digest) return fold_result::forged;
  return insert(output, now);
}

fold_result fold_table::insert(const folded_message& output, wire_time now) {
  const std::size_t size = entry_cost + output.bytes.size();
  if (size > limit_) return fold_result::apart;
  if (!make_room(size)) return fold_result::full;
  held_ += size;
  texts_.emplace_back(output);
  places_.emplace(text_key(output), std::prev(texts_.end()));
  hold_since(now);
  return fold_result::taken;
}

fold_result fold_table::add(const ended_message& end, wire_time now) {
  if (!is_expected(end.run, end.hosts)) return fold_result::unexpected;
  ending* known = ending_like(end);
  const std::size_t size = end.measures.size() * sizeof(ending::measured) +
                           (known != nullptr ? 0 : entry_cost + end.text.size());
  if (!make_room(size) && held_ > 0) return fold_result::full;
  held_ += size;
  ends_held_ += size;
  if (known == nullptr) known = &ends_.emplace_back(end);
  known->add(end);
  hold_since(now);
  this->end(end.run, end.hosts);
  return fold_result::taken;
}

fold_table::ending* fold_table::ending_like(const ended_message& end) noexcept {
  for (ending& e : ends_)
    if (is_alike(e.about, end)) return &e;
  return nullptr;
}

// Texts that have gone up make room, the oldest first. If they are not enough, a flush helps.
bool fold_table::make_room(std::size_t size) {
  while (held_ + size > limit_ && !texts_.empty() && texts_.front().hosts.empty())
    drop(texts_.begin());
  if (held_ + size <= limit_) return true;
  due_ = wire_time::min();
  return false;
}

void fold_table::drop(text_place which) {
  held_ -= entry_cost + which->bytes.size();
  places_.erase(text_key(*which));
  texts_.erase(which);
}

void fold_table::hold_since(wire_time now) noexcept {
  if (!due_ || *due_ > now + hold_) due_ = now + hold_;
}

// --- what goes ---

folded_message fold_table::message_of(text& t, const index_ranges& hosts) {
  folded_message message;
  message.run = t.run;
  message.hosts = hosts;
  message.stream = t.stream;
  message.offset = t.offset;
  message.digest = t.digest;
  message.has_bytes = !std::exchange(t.is_above, true);
  if (message.has_bytes) message.bytes = t.bytes;
  return message;
}

std::vector<ended_message> fold_table::messages_of(ending& e) {
  std::sort(e.hosts.begin(), e.hosts.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ended_message> messages;
  for (const auto& [index, measure] : e.hosts) {
    if (messages.empty() || messages.back().measures.size() == measured_hosts_limit)
      messages.push_back(e.about);
    messages.back().hosts.append(index, index);
    messages.back().measures.push_back(measure);
  }
  return messages;
}

void fold_table::flushed() noexcept {
  ends_.clear();
  held_ -= std::exchange(ends_held_, 0);
  due_.reset();
}

void fold_table::forget(std::uint32_t run) {
  for (text_place t = texts_.begin(); t != texts_.end();) {
    const text_place here = t++;
    if (here->run == run) drop(here);
  }
  std::erase_if(waiting_, [run](const waiting& w) { return w.run == run; });
}

}  // namespace execo::detail
