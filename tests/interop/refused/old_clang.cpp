// says: execo needs clang 17 or later
// flags: Clang -U__clang_major__ -D__clang_major__=16
#include <execo/execo.hpp>
