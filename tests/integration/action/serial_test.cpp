// Serial ports, here and on a host. The device is a terminal whose other end the test holds.
#include <execo/serial.hpp>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <execo/execo.hpp>
#include <stdexcept>

#include "base/fd.hpp"
#include "fleet_way.hpp"
#include "leak_check.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class far_end {
 public:
  far_end() : fd_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (!fd_ || ::grantpt(fd_.get()) != 0 || ::unlockpt(fd_.get()) != 0)
      throw std::runtime_error("no terminal");
    // Until the port is open there would be nobody at the other end.
    near_ = detail::unique_fd(::open(device().c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  std::string device() const { return ::ptsname(fd_.get()); }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::write(fd_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  /// So many bytes; fewer after half a minute.
  std::string receive(std::size_t count) const {
    std::string got;
    pollfd ready{fd_.get(), POLLIN, 0};
    while (got.size() < count && ::poll(&ready, 1, 30'000) == 1) {
      char bytes[256];
      const ssize_t n = ::read(fd_.get(), bytes, sizeof bytes);
      if (n <= 0) break;
      got.append(bytes, static_cast<std::size_t>(n));
    }
    return got;
  }
  termios settings() const {
    termios found{};
    EXPECT_EQ(::tcgetattr(fd_.get(), &found), 0);
    return found;
  }
  void hang_up() { fd_.reset(); }

 private:
  detail::unique_fd fd_;
  detail::unique_fd near_;
};

// What a login over a serial port is like; the device speaks when it was spoken to.
template <class Port>
task<std::string> log_in(Port port, const far_end& device) {
  port.start();
  auto prompts = expect(port.out()).on("login: ").on("# ");
  (void)co_await port.in().write("\r");
  EXPECT_EQ(device.receive(1), "\r") << "as it is: no newline is made of it";
  device.send("\r\nboard login: ");
  auto login = co_await prompts.next(30s);
  if (login.matched()) (void)co_await port.in().write("root\n");
  EXPECT_EQ(device.receive(5), "root\n");
  device.send("\x01\x11\x13\xff# ");
  auto shell = co_await prompts.next(30s);
  std::string bytes(shell.before());
  port.kill();
  result end = co_await port.wait();
  EXPECT_TRUE(end.killed()) << end.describe();
  co_return bytes;
}

TEST(serial, carries_every_byte_both_ways) {
  far_end device;
  EXPECT_EQ(sync_wait(log_in(serial(serial_line(device.device(), 9600)), device)),
            "\x01\x11\x13\xff");
}

ssh_process port_on(const fleet_fixture& fleet, const far_end& device) {
  return serial(serial_line(device.device(), 115200), "127.9.1.1").ssh(way_to(fleet));
}

TEST(serial, is_the_same_on_a_host) {
  far_end device;
  fleet_fixture fleet("127.9.1.1");
  ssh_process port = port_on(fleet, device);
  EXPECT_EQ(sync_wait(log_in(std::move(port), device)), "\x01\x11\x13\xff");
  EXPECT_TRUE(fleet.no_commands_left());
}

// Each host has a device of its own, which answers with its number.
task<action_result> ask_all(remote& ports, const far_end& first, const far_end& second) {
  auto written = co_await write_all(ports, "who?\n");
  EXPECT_EQ(written.size(), 2U);
  EXPECT_EQ(first.receive(5), "who?\n");
  EXPECT_EQ(second.receive(5), "who?\n");
  first.send("board 1# ");
  second.send("board 2# ");
  auto prompts = co_await expect_all(ports, patterns().on("(\\d)# "), 30s);
  for (std::size_t i = 0; i < prompts.size(); ++i)
    EXPECT_EQ(prompts[i].group(1), std::to_string(i + 1));
  ports.kill();
  action_result ends = co_await ports.run();
  co_return ends;
}

TEST(serial, is_a_command_for_many_hosts) {
  far_end first, second;
  fleet_fixture fleet("127.9.1.[1-2]");
  serial_line line("/dev/{{port}}", 115200);
  remote ports(serial_command(line), "127.9.1.[1-2]");
  ports.subst("port", {first.device().substr(5), second.device().substr(5)}).ssh(way_to(fleet));
  action_result ends = sync_wait(ask_all(ports, first, second));
  ASSERT_EQ(ends.all().size(), 2U);
  for (const host_result& one : ends.all()) EXPECT_TRUE(one.killed()) << one.describe();
  EXPECT_EQ(ends.all()[1].out, "board 2# ");
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(serial, sets_what_the_line_says) {
  far_end device;
  auto work = [](const far_end& end) -> task<> {
    serial_line line(end.device(), 38400);
    line.stop_bits(2).flow(flow_control::software);
    process port = serial(line);
    port.start();
    (void)co_await port.in().write("x");
    EXPECT_EQ(end.receive(1), "x");
    const termios set = end.settings();
    EXPECT_EQ(::cfgetospeed(&set), static_cast<speed_t>(B38400));
    EXPECT_NE(set.c_cflag & CSTOPB, 0U);
    EXPECT_NE(set.c_iflag & IXON, 0U);
    EXPECT_EQ(set.c_lflag & (ICANON | ECHO | ISIG), 0U);
    port.kill();
    (void)co_await port.wait();
  };
  sync_wait(work(device));
}

TEST(serial, ends_with_its_input_and_with_its_device) {
  auto work = [](bool by_device) -> task<result> {
    far_end end;
    process port = serial(serial_line(end.device(), 9600));
    port.start();
    (void)co_await port.in().write("x");
    EXPECT_EQ(end.receive(1), "x");
    if (by_device) {
      end.hang_up();
    } else {
      port.in().close();
    }
    co_return co_await port.wait();
  };
  EXPECT_EQ(sync_wait(work(false)).status().signal(), SIGTERM);
  const result gone = sync_wait(work(true));
  EXPECT_FALSE(gone.killed()) << gone.describe();
}

TEST(serial, leaves_nothing_on_a_host_when_its_device_or_its_input_ends) {
  auto work = [](const fleet_fixture& fleet, bool by_device) -> task<> {
    far_end end;
    ssh_process port = port_on(fleet, end);
    port.start();
    (void)co_await port.in().write("x");
    EXPECT_EQ(end.receive(1), "x");
    if (by_device) {
      end.hang_up();
    } else {
      port.in().close();
    }
    (void)co_await port.wait();
  };
  fleet_fixture fleet("127.9.1.1");
  for (bool by_device : {false, true}) {
    sync_wait(work(fleet, by_device));
    EXPECT_TRUE(fleet.no_commands_left()) << by_device;
  }
}

TEST(serial, says_what_is_wrong_with_a_device) {
  const result none = sync_wait(serial(serial_line("/dev/no_such_port", 9600)).run());
  EXPECT_FALSE(none.ok());
  EXPECT_THAT(none.describe(), HasSubstr("serial /dev/no_such_port at 9600 8N1"));
  EXPECT_THAT(none.err, HasSubstr("No such file"));
  const result other = sync_wait(serial(serial_line("/dev/null", 9600)).run());
  EXPECT_THAT(other.err, HasSubstr("/dev/null"));
}

TEST(serial, refuses_lines_that_cannot_be) {
  EXPECT_THROW(serial_line("ttyS0", 9600), std::invalid_argument);
  EXPECT_THROW(serial_line("/dev/ttyS0", 0), std::invalid_argument);
  serial_line line("/dev/ttyS0", 9600);
  EXPECT_THROW(line.data_bits(9), std::invalid_argument);
  EXPECT_THROW(line.stop_bits(3), std::invalid_argument);
  line.data_bits(7).parity(parity::even).stop_bits(2);
  EXPECT_EQ(line.to_string(), "/dev/ttyS0 at 9600 7E2");
}

}  // namespace
}  // namespace execo::test
