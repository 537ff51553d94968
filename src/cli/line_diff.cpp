#include "line_diff.hpp"

#include <algorithm>
#include <unordered_map>

namespace execo::cli {

namespace {

enum class change { keep, remove, add };

struct step {
  change what;
  std::size_t from;  // line number in the first text
  std::size_t to;    // in the second
};

using line_ids = std::vector<std::size_t>;

// The shortest edit script (Myers). Takes time in proportion to the number of differences.
std::vector<step> edit_script(const line_ids& a, const line_ids& b) {
  const auto n = static_cast<long>(a.size());
  const auto m = static_cast<long>(b.size());
  const long limit = n + m;
  std::vector<long> furthest(static_cast<std::size_t>(2 * limit + 2), 0);
  const auto at = [&](std::vector<long>& v, long k) -> long& {
    return v[static_cast<std::size_t>(k + limit)];
  };
  std::vector<std::vector<long>> trace;
  long edits = 0;
  for (bool found = false; !found; ++edits) {
    trace.push_back(furthest);
    for (long k = -edits; k <= edits; k += 2) {
      const bool down = k == -edits || (k != edits && at(furthest, k - 1) < at(furthest, k + 1));
      long x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
      while (x < n && x - k < m &&
             a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)]) {
        ++x;
      }
      at(furthest, k) = x;
      if (x >= n && x - k >= m) {
        found = true;
        break;
      }
    }
  }
  std::vector<step> script;
  long x = n;
  long y = m;
  const auto push = [&](change what) {
    script.push_back({what, static_cast<std::size_t>(x), static_cast<std::size_t>(y)});
  };
  for (long d = edits - 1; d >= 0; --d) {
    std::vector<long>& v = trace[static_cast<std::size_t>(d)];
    const long k = x - y;
    const bool down = k == -d || (k != d && at(v, k - 1) < at(v, k + 1));
    const long before_x = d == 0 ? 0 : (down ? at(v, k + 1) : at(v, k - 1));
    const long before_y = d == 0 ? 0 : before_x - (down ? k + 1 : k - 1);
    while (x > before_x && y > before_y && !(d > 0 && (down ? x == before_x : y == before_y))) {
      --x;
      --y;
      push(change::keep);
    }
    if (d == 0) break;
    if (down) {
      --y;
      push(change::add);
    } else {
      --x;
      push(change::remove);
    }
  }
  std::ranges::reverse(script);
  return script;
}

std::string span(std::size_t begin, std::size_t length) {
  if (length == 1) return std::to_string(begin + 1);
  return std::to_string(length == 0 ? begin : begin + 1) + "," + std::to_string(length);
}

}  // namespace

std::vector<std::string> line_diff(const std::vector<std::string>& from,
                                   const std::vector<std::string>& to, std::size_t context) {
  std::unordered_map<std::string, std::size_t> known;
  const auto ids = [&](const std::vector<std::string>& lines) {
    line_ids list;
    for (const std::string& line : lines)
      list.push_back(known.emplace(line, known.size()).first->second);
    return list;
  };
  const std::vector<step> script = edit_script(ids(from), ids(to));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < script.size();) {
    if (script[i].what == change::keep) {
      ++i;
      continue;
    }
    // A hunk: changes that are at most twice the context apart.
    const std::size_t begin = i - std::min(context, i);
    std::size_t last = i;
    for (std::size_t j = i; j < script.size() && j <= last + 2 * context + 1; ++j) {
      if (script[j].what != change::keep) last = j;
    }
    const std::size_t end = std::min(last + context + 1, script.size());
    std::size_t removed = 0;
    std::size_t added = 0;
    for (std::size_t j = begin; j < end; ++j) {
      removed += script[j].what != change::add ? 1 : 0;
      added += script[j].what != change::remove ? 1 : 0;
    }
    out.push_back("@@ -" + span(script[begin].from, removed) + " +" +
                  span(script[begin].to, added) + " @@");
    // Within a run of changes the removed lines come first.
    for (std::size_t j = begin; j < end;) {
      if (script[j].what == change::keep) {
        out.push_back(' ' + from[script[j++].from]);
        continue;
      }
      std::size_t stop = j;
      while (stop < end && script[stop].what != change::keep) ++stop;
      for (std::size_t k = j; k < stop; ++k) {
        if (script[k].what == change::remove) out.push_back('-' + from[script[k].from]);
      }
      for (std::size_t k = j; k < stop; ++k) {
        if (script[k].what == change::add) out.push_back('+' + to[script[k].to]);
      }
      j = stop;
    }
    i = end;
  }
  return out;
}

}  // namespace execo::cli
