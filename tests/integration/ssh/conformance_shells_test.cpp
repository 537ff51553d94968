// Each login shell of OpenSSH's own server, over libssh and over the ssh program.
#include <gtest/gtest.h>

#include "conformance.hpp"

namespace execo::test {
namespace {

class conformance_of_shells : public testing::TestWithParam<conformance_case> {};

TEST_P(conformance_of_shells, hold) { check_conformance(*GetParam().way, *GetParam().area); }

INSTANTIATE_TEST_SUITE_P(each, conformance_of_shells,
                         testing::ValuesIn(conformance_cases(conformance_way::kind::shell)),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace execo::test
