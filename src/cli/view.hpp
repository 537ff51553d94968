// How results become output: the four layouts of `execo run`.
#pragma once

#include <memory>

#include "console.hpp"
#include "execo/action.hpp"
#include "run_options.hpp"

namespace execo::cli {

class view {
 public:
  virtual ~view() = default;
  /// Whether lines are shown as they come, so that results need no captured output.
  virtual bool live() const noexcept { return false; }
  virtual void line(const output_line&) {}
  /// A host has ended.
  virtual void add(host_result r) = 0;
  /// All hosts have ended or were given up.
  virtual void finish() {}
};

/// `host: line` as lines arrive.
std::unique_ptr<view> make_stream_view(console& to, labels names = labels::shown);
/// Each distinct output once, under the hosts that gave it.
std::unique_ptr<view> make_gathered_view(console& to, labels names = labels::shown);
/// Host by host, in the order of the list.
std::unique_ptr<view> make_ordered_view(console& to, labels names = labels::shown);
/// One JSON object for each host.
std::unique_ptr<view> make_ndjson_view(console& to);

std::unique_ptr<view> make_view(layout show, labels names, console& to);

}  // namespace execo::cli
