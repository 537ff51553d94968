// Laws of the algebra on random sets, beside a plain std::set of names.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include "execo/host_set.hpp"
#include "execo/range_set.hpp"

namespace {

using execo::fold_style;
using execo::host_set;
using names = std::set<std::string>;

class generator {
 public:
  explicit generator(unsigned seed) : random_(seed) {}

  std::string text() {
    std::string out = term();
    for (int i = below(5); i > 0; --i) out.append(",").append(term());
    return out;
  }

  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

 private:
  std::string term() {
    switch (below(6)) {
      case 0:
        return "x";
      case 1:
        return named({"n"});
      case 2:
        return named({"n", "c"});
      case 3:
        return named({"n", "c", "d"});
      case 4:
        return named({"web"}).append(".site");
      default:
        return range();
    }
  }

  // Each text with a range behind it.
  std::string named(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out.append(text).append(range());
    return out;
  }

  std::string range() {
    const int width = below(3) == 0 ? 2 : 1;
    std::string out = "[";
    for (int i = below(3); i >= 0; --i) {
      const int from = below(15);
      const int to = from + below(6);
      out += number(from, width);
      if (to > from && (width == 1 || number(from, 2).size() == number(to, 2).size())) {
        out.append("-").append(number(to, width)).append(below(4) == 0 ? "/2" : "");
      }
      if (i > 0) out += ',';
    }
    return out + ']';
  }

  static std::string number(int value, int width) {
    std::string digits = std::to_string(value);
    if (static_cast<int>(digits.size()) < width) digits.insert(digits.begin(), '0');
    return digits;
  }

  std::mt19937 random_;
};

names names_of(const host_set& set) {
  const auto list = set.expand();
  return {list.begin(), list.end()};
}

template <class Operation>
names by_hand(const names& a, const names& b, Operation operation) {
  names out;
  operation(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

class host_set_properties : public testing::TestWithParam<unsigned> {
 protected:
  generator random_{GetParam()};
  std::string text_a_ = random_.text();
  std::string text_b_ = random_.text();
  std::string text_c_ = random_.text();
  host_set a_{text_a_};
  host_set b_{text_b_};
  host_set c_{text_c_};
};

TEST_P(host_set_properties, operations_are_those_of_sets_of_names) {
  const names a = names_of(a_);
  const names b = names_of(b_);
  const auto with = [&](auto operation) {
    return by_hand(a, b, [&](auto... args) { operation(args...); });
  };
  EXPECT_EQ(names_of(a_ | b_), with([](auto... x) { std::set_union(x...); }));
  EXPECT_EQ(names_of(a_ & b_), with([](auto... x) { std::set_intersection(x...); }));
  EXPECT_EQ(names_of(a_ - b_), with([](auto... x) { std::set_difference(x...); }));
  EXPECT_EQ(names_of(a_ ^ b_), with([](auto... x) { std::set_symmetric_difference(x...); }));
  EXPECT_EQ(a_.contains(b_), std::ranges::includes(a, b));
  EXPECT_EQ(a_ == b_, a == b);
  for (const std::string& name : b) EXPECT_EQ(a_.contains(name), a.contains(name)) << name;
}

TEST_P(host_set_properties, de_morgan_and_distribution_hold) {
  const host_set all = a_ | b_ | c_;
  EXPECT_EQ(all - (a_ | b_), (all - a_) & (all - b_));
  EXPECT_EQ(all - (a_ & b_), (all - a_) | (all - b_));
  EXPECT_EQ(a_ & (b_ | c_), (a_ & b_) | (a_ & c_));
  EXPECT_EQ(a_ - b_ - c_, a_ - (b_ | c_));
  EXPECT_EQ(a_ ^ b_, (a_ | b_) - (a_ & b_));
}

TEST_P(host_set_properties, what_is_folded_reads_back) {
  EXPECT_EQ(host_set{a_.to_string()}, a_) << text_a_;
  EXPECT_EQ(host_set{a_.to_string(fold_style{}.autostep(3))}, a_) << text_a_;
  EXPECT_EQ(host_set{a_.to_string(fold_style{}.axis(-1))}, a_) << text_a_;
  EXPECT_EQ(host_set::from_names(a_.expand()), a_) << text_a_;
  EXPECT_EQ(host_set::from_names(a_.expand()).to_string(), a_.to_string()) << text_a_;
}

TEST_P(host_set_properties, parts_make_the_whole) {
  const auto list = a_.expand();
  EXPECT_EQ(list.size(), a_.size());
  host_set joined;
  std::size_t count = 0;
  for (const host_set& part : a_.split(static_cast<std::size_t>(random_.below(7)) + 1)) {
    EXPECT_FALSE(part.empty());
    count += part.size();
    joined |= part;
  }
  EXPECT_EQ(joined, a_);
  EXPECT_EQ(count, a_.size());
  host_set pieces;
  for (const host_set& piece : a_.contiguous()) {
    EXPECT_TRUE((pieces & piece).empty());
    pieces |= piece;
  }
  EXPECT_EQ(pieces, a_);
  for (std::size_t i = 0; i < list.size(); i += 7) {
    EXPECT_EQ(a_[i], list[i]);
    EXPECT_EQ(a_.slice(i, i + 1), host_set::from_name(list[i]));
  }
}

TEST_P(host_set_properties, inserting_names_one_by_one_gives_the_same_set) {
  auto list = a_.expand();
  std::ranges::reverse(list);
  host_set set;
  for (const std::string& name : list) {
    set.insert(name);
    EXPECT_TRUE(set.contains(name));
  }
  EXPECT_EQ(set, a_);
  EXPECT_EQ(set.to_string(), a_.to_string());
}

INSTANTIATE_TEST_SUITE_P(on_random_sets, host_set_properties, testing::Range(0U, 60U));

}  // namespace
