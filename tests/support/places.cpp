#include "places.hpp"

namespace execo::test::places {

const char* const data = PLACE_OF_DATA;
const char* const tool = PLACE_OF_TOOL;
const char* const fleet = PLACE_OF_FLEET;
const char* const child_target = PLACE_OF_CHILD_TARGET;
const char* const host_application = PLACE_OF_HOST_APPLICATION;
const char* const without_uring = PLACE_OF_WITHOUT_URING;
const char* const without_guard = PLACE_OF_WITHOUT_GUARD;

}  // namespace execo::test::places
