// The packets of SFTP, byte by byte.
#include "transfer/sftp_wire.hpp"

#include <gmock/gmock.h>

#include "ssh/wire.hpp"
#include "transfer/sftp_client.hpp"

namespace execo::detail {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text(std::string_view bytes) {
  std::string made;
  append_number(made, bytes.size());
  return made += bytes;
}
std::string packet(int type, const std::string& body) {
  return text(static_cast<char>(type) + body);
}
std::string number(std::uint32_t value) {
  std::string made;
  append_number(made, value);
  return made;
}

TEST(sftp_wire, a_request_is_a_length_a_type_an_id_and_its_fields) {
  sftp_request request(sftp_request_type::mkdir);
  sftp_attributes about;
  about.mode = 0700;
  request.text("/d").attributes(about);
  EXPECT_EQ(std::move(request).packet(7),
            "\0\0\0\x13\x0e\0\0\0\x07\0\0\0\x02/d\0\0\0\x04\0\0\x01\xc0"sv);
  EXPECT_EQ(sftp_init(), "\0\0\0\x05\x01\0\0\0\x03"sv);
  std::string write;
  append_sftp_write(write, 1, "h", 0x100000002, std::span<const char>("abc", 3));
  EXPECT_EQ(write,
            "\0\0\0\x19\x06\0\0\0\x01\0\0\0\x01h\0\0\0\x01\0\0\0\x02\0\0\0\x03\x61\x62\x63"sv);
  std::string read;
  append_sftp_read(read, 1, "h", 2, 3);
  EXPECT_EQ(read, "\0\0\0\x16\x05\0\0\0\x01\0\0\0\x01h\0\0\0\0\0\0\0\x02\0\0\0\x03"sv);
}

TEST(sftp_wire, attributes_come_back_as_they_were_sent) {
  sftp_attributes all;
  all.size = 1ULL << 40U;
  all.user = 1;
  all.group = 2;
  all.mode = 0100644;
  all.modified = 3;
  sftp_request request(sftp_request_type::setstat);
  request.attributes(all);
  std::string sent = std::move(request).packet(0).substr(9);
  std::optional<sftp_answer> read = read_sftp_answer("\x69" + number(9) + sent);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, 9U);
  EXPECT_EQ(read->attributes.size, all.size);
  EXPECT_EQ(read->attributes.user, 1U);
  EXPECT_EQ(read->attributes.group, 2U);
  EXPECT_EQ(read->attributes.modified, 3U);
  EXPECT_TRUE(read->attributes.is_file());
  EXPECT_FALSE(read->attributes.is_directory());
}

TEST(sftp_wire, packets_are_cut_out_of_any_pieces) {
  const std::string stream =
      packet(101, number(1) + number(0)) + packet(102, number(2) + text("h"));
  for (std::size_t each = 1; each <= stream.size(); ++each) {
    sftp_splitter packets;
    std::vector<std::uint32_t> ids;
    for (std::size_t at = 0; at < stream.size(); at += each) {
      std::string some = stream.substr(at, each);
      std::span<const char> bytes(some);
      while (auto whole = packets.next(bytes)) ids.push_back(read_sftp_answer(*whole).value().id);
    }
    EXPECT_THAT(ids, ElementsAre(1U, 2U)) << each;
  }
}

TEST(sftp_wire, a_packet_that_is_too_long_breaks_the_stream) {
  for (std::string_view stream : {"Welcome to this host"sv, "\0\0\0\0"sv, "\0\x04\0\x01"sv}) {
    sftp_splitter packets;
    std::span<const char> bytes(stream);
    EXPECT_FALSE(packets.next(bytes));
    EXPECT_TRUE(packets.broken());
    EXPECT_THAT(std::string(packets.pending()), HasSubstr(std::string(stream.substr(0, 4))));
  }
}

TEST(sftp_wire, an_answer_that_says_more_than_it_has_is_none) {
  for (const std::string& one :
       {std::string(), std::string("\x65"), "\x66" + number(1) + number(9) + "short",
        "\x68" + number(1) + number(0xffffffff) + text("a"),
        "\x68" + number(1) + number(1) + text(std::string(5000, 'n')) + text("") + number(0),
        "\x68" + number(1) + number(2) + text("a") + text("") + number(0),
        "\x65" + number(1) + number(0xffff0000), "\x07" + number(1)})
    EXPECT_FALSE(read_sftp_answer(one)) << one.size();
  std::optional<sftp_answer> old = read_sftp_answer("\x65" + number(1) + number(4));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->status, sftp_status::failure);
  EXPECT_FALSE(old->ok());
}

TEST(sftp_wire, each_status_has_the_number_of_an_error) {
  auto number_for = [](sftp_status status, const std::string& path) {
    return failure_of_sftp(sftp_answer(status), "write", path).why.value();
  };
  EXPECT_EQ(number_for(sftp_status::no_such_file, "/a"), ENOENT);
  EXPECT_EQ(number_for(sftp_status::permission_denied, "/a"), EACCES);
  EXPECT_EQ(number_for(sftp_status::bad_message, "/a"), EINVAL);
  EXPECT_EQ(number_for(sftp_status::bad_message, "/" + std::string(300, 'n')), ENAMETOOLONG);
  EXPECT_EQ(number_for(sftp_status::failure, "/a"), EIO);
  EXPECT_THAT(failure_of_sftp(sftp_answer(sftp_status::failure), "write", "/a").context,
              HasSubstr("write /a"));
}

}  // namespace
}  // namespace execo::detail
