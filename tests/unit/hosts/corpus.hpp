#pragma once

// Vectors recorded from ClusterShell, one JSON object a line (tests/data/README.md).

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace corpus {

inline std::vector<nlohmann::json> read_rows(const std::string& name) {
  std::ifstream file(std::string{EXECO_TEST_DATA} + "/" + name);
  if (!file) throw std::runtime_error("no test data: " + name);
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  }
  return rows;
}

}  // namespace corpus
