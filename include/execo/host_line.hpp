/// host_line: one line of the output of a host, as action::next_line() gives it.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "execo/host.hpp"
#include "execo/status.hpp"

namespace execo {

class host_line {
 public:
  host_line() = default;
  host_line(execo::host h, std::size_t i, stream s, std::string t, bool c)
      : host(std::move(h)), index(i), from(s), text(std::move(t)), complete(c) {}
  execo::host host;
  std::size_t index = 0;  ///< of the host in the action
  stream from = stream::out;
  std::string text;      ///< without its end of line
  bool complete = true;  ///< false: the output ended, or 64 KiB came, without an end of line
};

}  // namespace execo
