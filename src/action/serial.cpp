#include "execo/serial.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "execo/printable.hpp"

namespace execo {
namespace {

// stty -F opens the device without waiting for a carrier; with clocal no open waits for one. The
// parameters are set through the descriptor that stays: some devices forget them when it is closed.
// The reader is the shell's own process. It ends when there is no input any more, so that nothing
// keeps the device when the connection of ssh has gone.
constexpr const char* port_script =
    R"(device=$1; shift
stty -F "$device" clocal && exec 3<&0 4<>"$device" && stty "$@" <&4 || exit
{ cat <&3 >&4; kill $$; } >/dev/null 2>&1 &
exec cat <&4 3<&- 4<&-)";

[[noreturn]] void refuse_line(const std::string& device, const std::string& why) {
  throw std::invalid_argument("serial_line " + printable(device) + ": " + why);
}

char letter_of(parity of) noexcept {
  return of == parity::none ? 'N' : of == parity::even ? 'E' : 'O';
}

}  // namespace

serial_line::serial_line(std::string device, unsigned bits_a_second)
    : device_(std::move(device)), speed_(bits_a_second) {
  if (!device_.starts_with('/') || device_.find('\0') != device_.npos)
    refuse_line(device_, "expected the path of a device: /dev/ttyUSB0");
  if (speed_ == 0) refuse_line(device_, "0 bits a second");
}

serial_line& serial_line::data_bits(int count) {
  if (count < 5 || count > 8) refuse_line(device_, fmt::format("{} data bits: 5 to 8", count));
  data_bits_ = count;
  return *this;
}

serial_line& serial_line::parity(execo::parity of) {
  parity_ = of;
  return *this;
}

serial_line& serial_line::stop_bits(int count) {
  if (count != 1 && count != 2) refuse_line(device_, fmt::format("{} stop bits: 1 or 2", count));
  stop_bits_ = count;
  return *this;
}

serial_line& serial_line::flow(flow_control by) {
  flow_ = by;
  return *this;
}

std::string serial_line::to_string() const {
  return fmt::format("{} at {} {}{}{}", printable(device_), speed_, data_bits_, letter_of(parity_),
                     stop_bits_);
}

/// What is run for a line.
class detail::serial_script {
 public:
  static command of(const serial_line& line) {
    command made("sh", "-c", port_script, "execo-serial", line.device_);
    made.add_words(parameters(line));
    made.given_name = "serial " + line.to_string();
    made.set_in(pipe());
    return made;
  }

 private:
  // In this order: raw changes what later words set.
  static std::vector<std::string> parameters(const serial_line& line) {
    const bool checks = line.parity_ != parity::none;
    const bool waits = line.flow_ == flow_control::software;
    return {"raw",
            "-echo",
            "clocal",
            "cread",
            std::to_string(line.speed_),
            "cs" + std::to_string(line.data_bits_),
            checks ? "parenb" : "-parenb",
            line.parity_ == parity::odd ? "parodd" : "-parodd",
            line.stop_bits_ == 2 ? "cstopb" : "-cstopb",
            line.flow_ == flow_control::hardware ? "crtscts" : "-crtscts",
            waits ? "ixon" : "-ixon",
            waits ? "ixoff" : "-ixoff"};
  }
};

command serial_command(const serial_line& line) { return detail::serial_script::of(line); }

process serial(const serial_line& line) { return process(serial_command(line)).out(pipe()); }

ssh_process serial(const serial_line& line, const host& where) {
  return ssh_process(serial_command(line), where).out(pipe());
}

}  // namespace execo
