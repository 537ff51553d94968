#include "hostile_tree.hpp"

#include <stdlib.h>

#include <utility>

namespace execo::test {

hostile_tree::hostile_tree(std::string kind, std::string bad, std::size_t hosts)
    : kind_(std::move(kind)), bad_(std::move(bad)) {
  (void)::setenv("EXECO_TEST_FOLDER", (folder_ / ".").c_str(), 1);
  (void)::setenv("EXECO_TEST_OTHERS", std::to_string(hosts - 1).c_str(), 1);
}

hostile_tree::~hostile_tree() {
  (void)::unsetenv("EXECO_TEST_FOLDER");
  (void)::unsetenv("EXECO_TEST_OTHERS");
}

const char* hostile_tree::program() noexcept { return PLACE_OF_HOSTILE_CHILD; }

std::vector<std::string> hostile_tree::connector() const { return {program(), kind_, bad_, "%h"}; }

std::string hostile_tree::connector_text() const {
  std::string text;
  for (const std::string& word : connector()) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string hostile_tree::command() {
  return "f=$EXECO_TEST_FOLDER; echo up >>$f/log; "
         "until read bad <$f/bad; do sleep 0.01; done 2>/dev/null; "
         "while [ ! -e $f/go ] && kill -0 $bad 2>/dev/null; do sleep 0.01; done; "
         "echo $EXECO_HOST";
}

}  // namespace execo::test
