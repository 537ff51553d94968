#pragma once

#include "process/transport.hpp"

namespace execo::detail {

/// One whose command takes no input, and whose output needs no holding back.
class streamless_transport : public transport {
 public:
  void write(std::span<const char>) override {}
  void close_input() override {}
  void pause(stream, bool) override {}
};

}  // namespace execo::detail
