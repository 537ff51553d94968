// says: pass the vector with std::move(ops)
#include <execo/when_all.hpp>

execo::task<> all(std::vector<execo::task<int>> tasks) { co_await execo::when_all_settled(tasks); }
