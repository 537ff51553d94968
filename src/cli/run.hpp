#pragma once

namespace execo::cli {

/// `execo run`: a command on many hosts. argv[0] is its name. Returns the exit status.
int run_main(int argc, char** argv);

}  // namespace execo::cli
