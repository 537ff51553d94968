// says: pass_it_with_std_move
// says: pass it with std::move
#include <execo/process.hpp>
#include <execo/sync_wait.hpp>

execo::result run(execo::process p) { return execo::sync_wait(p); }
