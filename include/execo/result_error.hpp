/// result_error: what check() throws for one command, with its result.
#pragma once

#include <memory>
#include <string>

#include "execo/status.hpp"

namespace execo {

/// A command that failed. Copies share one copy of its result.
class result_error : public process_error {
 public:
  result_error(const std::string& what, const execo::result& of)
      : process_error(what), result_(std::make_shared<const execo::result>(of)) {}

  const execo::result& result() const noexcept { return *result_; }

 private:
  std::shared_ptr<const execo::result> result_;
};

}  // namespace execo
