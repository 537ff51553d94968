// What a connection sends while a cork is in.
#include "ssh/tcp_cork.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

class tcp_corks : public ::testing::Test {
 protected:
  void SetUp() override {
    unique_fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* name = reinterpret_cast<sockaddr*>(&where);
    ASSERT_EQ(::bind(listener.get(), name, size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener.get(), name, &size), 0);
    near_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int on = 1;
    ASSERT_EQ(::setsockopt(near_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    ASSERT_EQ(::connect(near_.get(), name, size), 0);
    far_.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(far_);
  }

  void write(std::string_view text) {
    ASSERT_EQ(::write(near_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  bool is_corked() const {
    int is = 0;
    socklen_t size = sizeof is;
    EXPECT_EQ(::getsockopt(near_.get(), IPPROTO_TCP, TCP_CORK, &is, &size), 0);
    return is != 0;
  }
  std::string read(std::size_t most) {
    std::string bytes(most, '\0');
    ssize_t n = ::read(far_.get(), bytes.data(), bytes.size());
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }
  bool has_bytes() {
    char first = 0;
    return ::recv(far_.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }

  unique_fd near_;
  unique_fd far_;
  tcp_cork cork_;
};

TEST_F(tcp_corks, send_what_is_written_meanwhile_when_they_are_pulled) {
  cork_.put_in(near_.get());
  write("a");
  cork_.put_in(near_.get());
  write("b");
  EXPECT_FALSE(has_bytes());
  cork_.pull(near_.get());
  EXPECT_EQ(read(9), "ab");
}

TEST_F(tcp_corks, hold_nothing_back_once_they_are_out) {
  EXPECT_FALSE(is_corked());
  cork_.put_in(near_.get());
  EXPECT_TRUE(is_corked());
  cork_.pull(near_.get());
  EXPECT_FALSE(is_corked());
  cork_.put_in(near_.get());
  EXPECT_TRUE(is_corked());
}

TEST_F(tcp_corks, let_the_last_bytes_and_the_end_of_the_stream_go_together) {
  cork_.put_in(near_.get());
  write("the end");
  near_.reset();
  cork_.pull(-1);
  EXPECT_EQ(read(99), "the end");
  EXPECT_EQ(read(99), "");
}

TEST_F(tcp_corks, are_nothing_for_what_is_no_tcp) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  near_.reset(pair[0]);
  far_.reset(pair[1]);
  cork_.put_in(near_.get());
  write("a");
  EXPECT_TRUE(has_bytes());
  cork_.pull(near_.get());
}

}  // namespace
}  // namespace execo::detail
