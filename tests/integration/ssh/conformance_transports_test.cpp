// Each transport, on OpenSSH's own server.
#include <gtest/gtest.h>

#include "conformance.hpp"

namespace execo::test {
namespace {

class conformance_of_transports : public testing::TestWithParam<conformance_case> {};

TEST_P(conformance_of_transports, hold) { check_conformance(*GetParam().way, *GetParam().area); }

INSTANTIATE_TEST_SUITE_P(each, conformance_of_transports,
                         testing::ValuesIn(conformance_cases(conformance_way::kind::transport)),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace execo::test
