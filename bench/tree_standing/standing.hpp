// A tree that stands, beside what the kernel alone takes for the same.
#pragma once

namespace bench {

/// Prints a line for each thing that is measured, and its ratio.
void measure_standing_tree(int hosts, int rounds);

}  // namespace bench
