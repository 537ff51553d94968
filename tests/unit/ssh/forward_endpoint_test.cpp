#include "execo/forward_endpoint.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include "fleet_fixture.hpp"
#include "ssh/listening_socket.hpp"

namespace execo::detail {
namespace {

TEST(forward_endpoint, is_a_host_and_a_port) {
  forward_endpoint at("127.0.0.1:8080");
  EXPECT_EQ(at.host(), "127.0.0.1");
  EXPECT_EQ(at.port(), 8080);
  EXPECT_FALSE(at.is_path());
  EXPECT_EQ(forward_endpoint("db.example.org:1").host(), "db.example.org");
  EXPECT_EQ(forward_endpoint("[fe80::1%eth0]:22").host(), "fe80::1%eth0");
  EXPECT_EQ(forward_endpoint(":80").host(), "127.0.0.1");
  EXPECT_EQ(forward_endpoint("*:80").host(), "*");
  EXPECT_EQ(forward_endpoint("x:65535").port(), 65535);
  EXPECT_EQ(forward_endpoint("x:0").with_port(5), forward_endpoint("x:5"));
}

TEST(forward_endpoint, is_an_absolute_path) {
  forward_endpoint at("/run/a:b.sock");
  EXPECT_TRUE(at.is_path());
  EXPECT_EQ(at.path(), "/run/a:b.sock");
}

TEST(forward_endpoint, reads_its_own_text) {
  for (const char* text : {"127.0.0.1:8080", "[::1]:80", "*:1", "db:5432", "/run/x"})
    EXPECT_EQ(forward_endpoint(text).to_string(), text);
  EXPECT_EQ(forward_endpoint(":80").to_string(), "127.0.0.1:80");
}

TEST(forward_endpoint, is_refused_where_it_is_neither) {
  using namespace std::string_literals;
  for (const std::string& text :
       {""s, "80"s, "host"s, "host:"s, "host:x"s, "host:-1"s, "host:+1"s, "host: 1"s, "host:65536"s,
        "host:1x"s, "::1:80"s, "[::1:80"s, "::1]:80"s, "a b:80"s, "a\n:80"s, "./x"s, "/a\0b"s,
        "host:99999999999999999999"s})
    EXPECT_THROW((void)forward_endpoint(text), std::invalid_argument) << text;
}

TEST(listening, is_only_on_own_addresses_and_short_paths) {
  for (const char* text : {"127.0.0.1:0", "[::1]:0", "localhost:0", "*:0", ":0", "/run/x"})
    EXPECT_NO_THROW(check_listening(text)) << text;
  EXPECT_THROW(check_listening("example.org:80"), std::invalid_argument);
  EXPECT_THROW(check_listening("/" + std::string(107, 'x')), std::invalid_argument);
}

TEST(listening, on_port_0_chooses_one_that_another_socket_cannot_have) {
  listening_socket first("127.0.0.1:0");
  EXPECT_GT(first.port(), 0);
  try {
    listening_socket second("127.0.0.1:" + std::to_string(first.port()));
    ADD_FAILURE() << "two sockets on one port";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_NE(std::string(error.what()).find(std::to_string(first.port())), std::string::npos);
  }
}

TEST(listening, on_a_path_is_for_its_user_alone_and_removes_it) {
  test::scratch_directory folder;
  std::string path = folder.path() + "/socket";
  {
    listening_socket one(path);
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
    EXPECT_THROW((void)listening_socket(path), std::system_error);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(listening, leaves_a_path_that_another_one_has_taken) {
  test::scratch_directory folder;
  std::string path = folder.path() + "/socket";
  listening_socket first(path);
  // Beside it, so that the number of its inode is not given again.
  std::filesystem::rename(path, path + ".old");
  listening_socket second(path);
  first.close();
  EXPECT_TRUE(std::filesystem::exists(path));
  second.close();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace execo::detail
