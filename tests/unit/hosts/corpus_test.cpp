#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "corpus.hpp"
#include "execo/host_set.hpp"
#include "execo/range_set.hpp"

namespace {

using execo::fold_style;
using execo::host_set;
using execo::host_set_errc;
using execo::host_set_error;
using execo::range_set;
using nlohmann::json;

// What upstream's autostep argument means for a set of this size.
std::size_t autostep_of(const json& value, std::size_t size) {
  if (value.is_number()) return value.get<std::size_t>();
  const auto text = value.get<std::string>();
  if (text == "auto") return std::max<std::size_t>(3, size);
  const double percent = std::stod(text.substr(0, text.size() - 1));
  return static_cast<std::size_t>(std::ceil(static_cast<double>(size) * percent / 100));
}

template <class Set>
json to_list(const std::vector<Set>& sets) {
  json list = json::array();
  for (const Set& set : sets) list.push_back(set.to_string());
  return list;
}

// The positions a Python slice or index selects.
template <class Set>
Set select(const Set& set, const json& index) {
  const auto size = static_cast<long>(set.size());
  std::vector<std::size_t> positions;
  if (index.is_string()) {
    const auto rank = range_set{index.get<std::string>()}.numbers();
    positions.assign(rank.begin(), rank.end());
  } else if (index.is_number()) {
    const long i = index.get<long>();
    positions.push_back(static_cast<std::size_t>(i < 0 ? i + size : i));
  } else {
    const long step = index[2].is_null() ? 1 : index[2].get<long>();
    const auto clamp = [&](const json& value, long missing) {
      if (value.is_null()) return missing;
      const long v = value.get<long>();
      return std::clamp(v < 0 ? v + size : v, step < 0 ? -1L : 0L, step < 0 ? size - 1 : size);
    };
    std::set<std::size_t> found;
    if (step > 0) {
      for (long i = clamp(index[0], 0); i < clamp(index[1], size); i += step) {
        found.insert(static_cast<std::size_t>(i));
      }
    } else {
      for (long i = clamp(index[0], size - 1); i > clamp(index[1], -1); i += step) {
        found.insert(static_cast<std::size_t>(i));
      }
    }
    positions.assign(found.begin(), found.end());
  }
  return set.at(positions);
}

fold_style autostep_style(const json& value, std::size_t size) {
  fold_style style;
  style.autostep(std::max<std::size_t>(1, autostep_of(value, size)));
  return style;
}

template <class Set>
json evaluate(const std::string& op, const json& args) {
  Set set{args[0].get<std::string>()};
  const auto other = [&] { return Set{args[1].get<std::string>()}; };
  if (op == "fold") {
    for (std::size_t i = 1; i < args.size(); ++i) set |= Set{args[i].get<std::string>()};
    return set.to_string();
  }
  if (op == "expand") return set.expand();
  if (op == "count") return set.size();
  if (op == "contiguous") return to_list(set.contiguous());
  if (op == "union") return (set | other()).to_string();
  if (op == "diff") return (set - other()).to_string();
  if (op == "inter") return (set & other()).to_string();
  if (op == "xor") return (set ^ other()).to_string();
  if (op == "subset") return other().contains(set);
  if (op == "equal") return set == other();
  if (op == "autostep") return set.to_string(autostep_style(args[1], set.size()));
  if (op == "slice") return select(set, args[1]).to_string();
  if (op == "split") return to_list(set.split(args[1].get<std::size_t>()));
  if (op == "axis") {
    fold_style style;
    constexpr int no_such_axis = 1000;
    style.axis(no_such_axis);
    for (const json& axis : args[1]) style.axis(axis.get<int>());
    return set.to_string(style);
  }
  throw std::logic_error("unknown operation " + op);
}

host_set_errc code_of(const std::string& upstream_class) {
  if (upstream_class == "NodeSetParseError") return host_set_errc::syntax;
  if (upstream_class == "GroupResolverSourceError") return host_set_errc::group_source;
  return host_set_errc::range;
}

// Whether the error points at what upstream quotes, the last thing between quotes in its message.
bool names_the_place(const std::string& text, const std::string& message,
                     const host_set_error& error) {
  const std::size_t colon = message.rfind(": \"");
  if (colon == std::string::npos) return true;
  std::string part = message.substr(colon + 3);
  while (!part.empty() && part.back() == '"') part.pop_back();
  if (part == "empty range" || part == error.part()) return true;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    if (error.offset() + 2 >= at && error.offset() <= at + part.size() + 1) return true;
  }
  // Digits after a bracket belong to every bound: upstream then quotes what it made of the range.
  const bool made = text.find(part) == std::string::npos;
  return made && error.offset() < text.size() && text[error.offset()] == part[0];
}

template <class Set>
std::string check_error(const json& row) {
  const std::string op = row.contains("of") && !row["of"].is_null() ? row["of"] : "fold";
  try {
    return "no error but " + evaluate<Set>(op, row["args"]).dump();
  } catch (const host_set_error& error) {
    const std::string upstream = row["expect"]["class"];
    const std::string message = row["expect"]["msg"];
    const auto text = row["args"][upstream == "RangeSetParseError" && op == "slice" ? 1 : 0];
    if (error.code() != code_of(upstream)) return std::string{"other class: "} + error.what();
    if (!names_the_place(text.get<std::string>(), message, error)) {
      return std::string{"other place: "} + error.what();
    }
    return {};
  }
}

template <class Set>
std::string check(const json& row) {
  const std::string op = row["op"];
  if (op == "error") return check_error<Set>(row);
  const json result = evaluate<Set>(op, row["args"]);
  return result == row["expect"] ? std::string{} : "got " + result.dump();
}

// Rows where upstream is plainly wrong (docs/hosts.md): a range with three bounds is an error.
bool is_wrong_upstream(const json& row) {
  const std::set<std::string> ids{"ns-09461", "ns-09837", "ns-10151"};
  return ids.contains(row["id"].get<std::string>());
}

TEST(host_set_corpus, every_row_without_groups_gives_what_clustershell_gives) {
  int passed = 0;
  int quirks = 0;
  for (const json& row : corpus::read_rows("nodeset.jsonl")) {
    if (row.contains("groups")) continue;
    if (row.value("quirk", false) || is_wrong_upstream(row)) {
      ++quirks;
      continue;
    }
    std::string problem;
    try {
      problem = row.value("mode", "") == "rangeset" ? check<range_set>(row) : check<host_set>(row);
    } catch (const std::exception& error) {
      problem = std::string{"threw "} + error.what();
    }
    if (problem.empty()) {
      ++passed;
    } else {
      ADD_FAILURE() << row.dump() << "\n  " << problem;
    }
  }
  std::cout << passed << " rows pass, " << quirks << " quirks are free\n";
  EXPECT_GT(passed, 4800);
}

}  // namespace
