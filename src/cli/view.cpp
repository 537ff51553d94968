#include "view.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "execo/printable.hpp"
#include "tally.hpp"
#include "text.hpp"

namespace execo::cli {
namespace {

// What a header adds to the names: nothing after success with all output.
std::string state_in_words(const result& r) {
  if (!r.ok()) return ": " + end_in_words(r);
  return r.output_complete() ? "" : ": output cut short";
}

// Empty if there is to be none.
std::string label_of(const host& one, labels names) {
  return names == labels::hidden ? std::string() : printable(one.to_string());
}

class stream_view final : public view {
 public:
  stream_view(console& to, labels names) : to_(to), names_(names) {}

  bool live() const noexcept override { return true; }

  void line(const output_line& l) override {
    if (!l.complete) {
      hold(l);
      return;
    }
    auto held = held_.empty() ? held_.end() : held_.find(key(l.index, l.from));
    if (held == held_.end()) {
      show(l.host, l.from, l.text);
      return;
    }
    held->second.append(l.text);
    show(l.host, l.from, held->second);
    held_.erase(held);
  }

  void add(host_result r) override {
    for (stream from : {stream::out, stream::err}) {
      auto held = held_.empty() ? held_.end() : held_.find(key(r.index, from));
      if (held == held_.end()) continue;
      show(r.host, from, held->second);
      held_.erase(held);
    }
  }

 private:
  // A long line arrives in pieces; lines of other hosts must not come between them.
  static constexpr std::size_t longest_line = std::size_t{1} << 20;

  static std::uint64_t key(std::size_t index, stream from) noexcept {
    return std::uint64_t{index} * 2 + (from == stream::out ? 0 : 1);
  }

  void hold(const output_line& l) {
    std::string& held = held_[key(l.index, l.from)];
    held.append(l.text);
    if (held.size() < longest_line) return;
    show(l.host, l.from, held);
    held_.erase(key(l.index, l.from));
  }

  void show(const host& from_host, stream from, std::string_view text) {
    std::string label = label_of(from_host, names_);
    if (from == stream::out) {
      to_.out_line(label, text);
    } else {
      to_.err_line(label, text);
    }
  }

  console& to_;
  labels names_;
  std::unordered_map<std::uint64_t, std::string> held_;
};

class gathered_view final : public view {
 public:
  gathered_view(console& to, labels names) : to_(to), names_(names) {}

  // The two streams are gathered separately: hosts with the same standard output belong together
  // whatever they wrote to standard error.
  void add(host_result r) override {
    if (!r.err.empty()) {
      host_result complaint(r.host, r.index, result());
      complaint.err = std::exchange(r.err, {});
      errors_.add(std::move(complaint));
    }
    outputs_.add(std::move(r));
  }

  void finish() override {
    for (const output_group& group : std::move(outputs_).groups()) {
      const host_result& r = group.sample;
      if (r.out.empty()) continue;
      to_.out_plain(header(group, state_in_words(r)));
      to_.out(r.out);
      if (r.out.back() != '\n') to_.out("\n");
    }
    for (const output_group& group : std::move(errors_).groups()) {
      to_.err_plain(header(group, ": stderr"));
      to_.err(group.sample.err);
      if (group.sample.err.back() != '\n') to_.err("\n");
    }
  }

 private:
  std::string header(const output_group& group, const std::string& remark) const {
    if (names_ == labels::hidden) return "";
    constexpr std::string_view rule = "---------------\n";
    std::string count = group.count > 1 ? fmt::format(" ({})", group.count) : "";
    return fmt::format("{}{}{}{}\n{}", rule, printable(group.hosts.to_string()), count, remark,
                       rule);
  }

  console& to_;
  labels names_;
  output_gatherer outputs_;
  output_gatherer errors_;
};

class ordered_view final : public view {
 public:
  ordered_view(console& to, labels names) : to_(to), names_(names) {}

  void add(host_result r) override {
    std::size_t index = r.index;
    waiting_.emplace(index, std::move(r));
    while (!waiting_.empty() && waiting_.begin()->first == turn_) {
      show(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++turn_;
    }
  }

  void finish() override {
    for (const auto& [index, r] : waiting_) show(r);
    waiting_.clear();
  }

 private:
  void show(const host_result& r) {
    std::string label = label_of(r.host, names_);
    for_each_line(r.out, [&](std::string_view line) { to_.out_line(label, line); });
    for_each_line(r.err, [&](std::string_view line) { to_.err_line(label, line); });
  }

  console& to_;
  labels names_;
  std::map<std::size_t, host_result> waiting_;
  std::size_t turn_ = 0;
};

}  // namespace

std::unique_ptr<view> make_stream_view(console& to, labels names) {
  return std::make_unique<stream_view>(to, names);
}
std::unique_ptr<view> make_gathered_view(console& to, labels names) {
  return std::make_unique<gathered_view>(to, names);
}
std::unique_ptr<view> make_ordered_view(console& to, labels names) {
  return std::make_unique<ordered_view>(to, names);
}

std::unique_ptr<view> make_view(layout show, labels names, console& to) {
  switch (show) {
    case layout::gathered:
      return make_gathered_view(to, names);
    case layout::ordered:
      return make_ordered_view(to, names);
    case layout::ndjson:
      return make_ndjson_view(to);
    default:
      return make_stream_view(to, names);
  }
}

}  // namespace execo::cli
