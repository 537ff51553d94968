#include "tree_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "execo/printable.hpp"

namespace execo::cli {
namespace {

// In units of the picture.
constexpr double width = 1000;
constexpr double level_height = 160;
constexpr double left = 60, right = 20, top = 40, bottom = 40;
constexpr double edge = 10;  // of a level

double seconds(duration of) { return std::chrono::duration<double>(of).count(); }

std::string escaped(std::string_view text) {
  std::string made;
  for (char c : printable(text)) {
    switch (c) {
      case '&':
        made += "&amp;";
        break;
      case '<':
        made += "&lt;";
        break;
      case '>':
        made += "&gt;";
        break;
      default:
        made += c;
    }
  }
  return made;
}

class place {
 public:
  double x = left;
  double y = top + level_height / 2;  // of the root
};

class picture {
 public:
  explicit picture(const tree_stats& of) : of_(of), last_(std::max(seconds(of.deploy_time), 1e-3)) {
    on_level_.resize(of.depth + 1);
    for (const tree_host& one : of.hosts)
      if (is_shown(one)) ++on_level_[one.depth];
    put_hosts();
  }

  std::string drawn() {
    const double height = top + level_height * static_cast<double>(of_.depth + 1) + bottom;
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
        "fill=\"white\"/>\n<text x=\"{:.0f}\" y=\"20\">{}</text>\n",
        width, height, left, escaped(tree_words(of_)));
    draw_axes(height - bottom);
    add("<g stroke=\"#9ab\" stroke-width=\"0.5\">\n");
    for (const tree_host& one : of_.hosts) draw_way(one);
    add("</g>\n<g fill=\"#157\">\n");
    for (const tree_host& one : of_.hosts) draw_host(one);
    add("</g>\n</svg>\n");
    return std::move(text_);
  }

 private:
  template <class... Values>
  void add(fmt::format_string<Values...> how, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), how, std::forward<Values>(values)...);
  }
  bool is_shown(const tree_host& one) const { return one.up && one.depth <= of_.depth; }
  double x_at(double time) const { return left + (width - left - right) * time / last_; }
  static double level_top(std::size_t level) {
    return top + level_height * static_cast<double>(level);
  }

  // The hosts of a level stand below each other in the order in which they are known.
  void put_hosts() {
    std::vector<std::size_t> so_far(on_level_.size());
    for (const tree_host& one : of_.hosts) {
      if (!is_shown(one)) continue;
      const double share = (static_cast<double>(so_far[one.depth]++) + 0.5) /
                           static_cast<double>(on_level_[one.depth]);
      place at;
      at.x = x_at(std::min(seconds(one.up_after), last_));
      at.y = level_top(one.depth) + edge + (level_height - 2 * edge) * share;
      places_.emplace(one.host.name(), at);
    }
  }

  void draw_axes(double floor) {
    add("<g fill=\"#666\">\n<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\"/>\n"
        "<text x=\"5\" y=\"{1:.1f}\">root</text>\n",
        place().x, place().y);
    for (std::size_t level = 1; level <= of_.depth; ++level)
      add("<text x=\"5\" y=\"{:.1f}\">level {}</text>\n", level_top(level) + level_height / 2,
          level);
    for (int i = 0; i <= 4; ++i)
      add("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.2f} s</text>\n",
          x_at(last_ * i / 4), floor + 20, last_ * i / 4);
    add("</g>\n");
  }

  void draw_way(const tree_host& to) {
    if (!is_shown(to)) return;
    place from;
    auto parent = places_.find(to.parent);
    if (!to.parent.empty() && parent == places_.end()) return;
    if (!to.parent.empty()) from = parent->second;
    const place& at = places_.at(to.host.name());
    add("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", from.x, from.y, at.x, at.y);
  }

  void draw_host(const tree_host& one) {
    if (!is_shown(one)) return;
    const place& at = places_.at(one.host.name());
    add("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\"><title>{}: {:.2f} s</title></circle>\n", at.x,
        at.y, escaped(one.host.name()), seconds(one.up_after));
  }

  const tree_stats& of_;
  const double last_;
  std::vector<std::size_t> on_level_;  // hosts that are shown
  std::unordered_map<std::string, place> places_;
  std::string text_;
};

}  // namespace

std::string tree_picture(const tree_stats& of) { return picture(of).drawn(); }

bool write_tree_picture(const tree_stats& of, const std::string& file) {
  std::ofstream to(file, std::ios::trunc);
  to << tree_picture(of);
  to.close();
  return bool(to);
}

std::string tree_words(const tree_stats& of) {
  const auto up = std::ranges::count(of.hosts, true, &tree_host::up);
  std::string words = fmt::format("tree: {} of {} hosts up in {:.2f} s, depth {}, arity {}", up,
                                  of.hosts.size(), seconds(of.deploy_time), of.depth, of.arity);
  if (of.agents > 0) {
    const auto each = static_cast<double>(of.agents);
    words += fmt::format("; {} agents: {:.1f} ms of CPU and {:.0f} KiB of memory each", of.agents,
                         1000 * seconds(of.agents_cpu) / each,
                         static_cast<double>(of.agents_memory) / 1024 / each);
  }
  words += fmt::format("; here: {} bytes sent, {} received", of.bytes_sent, of.bytes_received);
  return words;
}

}  // namespace execo::cli
