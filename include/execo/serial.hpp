/// serial: a serial port, here, on a host or on many, as a process with streams.
#pragma once

#include <cstdint>
#include <string>

#include "execo/command.hpp"
#include "execo/host.hpp"
#include "execo/process.hpp"
#include "execo/ssh_process.hpp"

namespace execo {

namespace detail {
class serial_script;
}

enum class parity : std::uint8_t { none, even, odd };
enum class flow_control : std::uint8_t { none, hardware, software };

/// A serial port and its parameters; 8 bits, no parity, one stop bit and no flow control if nothing
/// else is said.
class serial_line {
 public:
  /// Throws: std::invalid_argument for a path that is empty, relative or has a NUL byte, and for 0.
  serial_line(std::string device, unsigned bits_a_second);

  /// Throws: std::invalid_argument beyond 5 to 8.
  serial_line& data_bits(int count);
  serial_line& parity(execo::parity of);
  /// Throws: std::invalid_argument beyond 1 and 2.
  serial_line& stop_bits(int count);
  serial_line& flow(flow_control by);

  const std::string& device() const noexcept { return device_; }
  unsigned bits_a_second() const noexcept { return speed_; }
  /// "/dev/ttyS0 at 115200 8N1"
  std::string to_string() const;

 private:
  friend class detail::serial_script;
  std::string device_;
  unsigned speed_;
  int data_bits_ = 8;
  int stop_bits_ = 1;
  execo::parity parity_ = execo::parity::none;
  flow_control flow_ = flow_control::none;
};

/// The port as a process, not started yet: out() has what comes from the device, in() goes to it,
/// byte for byte, and expect() searches. It runs until it is killed, the device is gone, or in() is
/// closed, which ends it by TERM. Of what comes nothing is kept but for its readers; the device
/// waits for those.
///
/// sh, stty and cat do the work. A device that cannot be opened, or does not take the parameters,
/// ends it with an exit code other than 0 and the words of stty in err.
process serial(const serial_line& line);

/// The port of an ssh host, which has sh, cat and an stty with the option -F. Its device is
/// released when the connection is lost.
ssh_process serial(const serial_line& line, const host& where);

/// What these run, with in(pipe()), for an action: `remote(serial_command(line), hosts)` is a port
/// of each host. Its output is captured as that of any command. References such as `{{name}}` in
/// the path of the device are replaced for each host.
command serial_command(const serial_line& line);

}  // namespace execo
