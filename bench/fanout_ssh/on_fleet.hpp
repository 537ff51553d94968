// execo alone, on hosts that are one process and take little of the machine: a fleet.
#pragma once

#include <string>

namespace bench {

/// What a host costs in a run of the tool.
void one_run_on_fleet(int hosts, int rounds);
/// The same beside another program `execo`, in turns: the ratio of the client's CPU.
void pairs_on_fleet(int hosts, const std::string& before, int pairs);
/// What a live session takes of the client's memory.
void memory_on_fleet(int hosts);
/// What the same command costs again, on the connections of the library's pool.
void again_on_fleet(int hosts, int window, int runs);

}  // namespace bench
