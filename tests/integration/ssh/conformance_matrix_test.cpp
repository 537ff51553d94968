// The matrix of the documentation is the one that the suite checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "conformance.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

std::string documentation() {
  return file_bytes(std::string(EXECO_TEST_DATA) + "/../../docs/conformance.md");
}

TEST(conformance_matrix, stands_in_the_documentation_as_it_is_checked) {
  std::string text = documentation();
  for (auto of : {conformance_way::kind::transport, conformance_way::kind::server,
                  conformance_way::kind::shell}) {
    std::string matrix = conformance_matrix(of);
    std::cout << matrix << "\n";
    EXPECT_TRUE(text.find(matrix) != text.npos)
        << "docs/conformance.md has another matrix than the one above";
  }
}

TEST(conformance_matrix, has_points_with_names_of_their_own) {
  std::set<std::string_view> names;
  std::size_t count = 0;
  for (const conformance_area& area : conformance_areas()) {
    for (const conformance_point& point : area.points) names.insert(point.name);
    count += area.points.size();
  }
  EXPECT_EQ(names.size(), count);
  EXPECT_GE(count, 60U);
}

TEST(conformance_matrix, has_no_gap_without_a_point) {
  for (const conformance_gap& gap : conformance_gaps()) {
    bool used = false;
    for (const conformance_way& way : conformance_ways())
      for (const conformance_area& area : conformance_areas())
        for (const conformance_point& point : area.points) used |= gap_of(way, point) == &gap;
    EXPECT_TRUE(used) << gap.way << ": " << gap.point;
  }
}

}  // namespace
}  // namespace execo::test
