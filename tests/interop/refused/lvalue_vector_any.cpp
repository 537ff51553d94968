// says: pass the vector with std::move(ops)
#include <execo/when_any.hpp>

execo::task<> any(std::vector<execo::task<int>> tasks) { co_await execo::when_any(tasks); }
