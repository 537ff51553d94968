// says: execo needs GCC 12 or later
// flags: GNU -U__GNUC__ -D__GNUC__=11
#include <execo/execo.hpp>
