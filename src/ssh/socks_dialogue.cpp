#include "ssh/socks_dialogue.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>

namespace execo::detail {
namespace {

constexpr unsigned char socks5 = 5;
constexpr unsigned char socks4 = 4;
constexpr unsigned char connect_command = 1;
constexpr unsigned char no_login = 0;
constexpr unsigned char no_method = 0xff;
constexpr unsigned char kind_v4 = 1;
constexpr unsigned char kind_name = 3;
constexpr unsigned char kind_v6 = 4;
constexpr std::size_t size_v4 = 4;
constexpr std::size_t size_v6 = 16;
constexpr std::size_t size_port = 2;
constexpr std::size_t max_text4 = 255;

// RFC 1928, section 6.
constexpr unsigned char reply_failed = 1;
constexpr unsigned char reply_not_allowed = 2;
constexpr unsigned char reply_unreachable = 4;
constexpr unsigned char reply_refused = 5;
constexpr unsigned char reply_no_command = 7;
constexpr unsigned char reply_no_address = 8;

constexpr unsigned char reply4_granted = 90;
constexpr unsigned char reply4_failed = 91;

// It goes into a request to the server, and into messages.
bool is_host_name(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f;
  });
}

std::string address_text(int family, const char* bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  (void)::inet_ntop(family, bytes, text, sizeof text);
  return text;
}

}  // namespace

std::size_t socks_dialogue::size_of_part() const noexcept {
  switch (stage_) {
    case stage::version:
    case stage::method_count:
    case stage::name_size:
    case stage::user4:
    case stage::name4:
      return 1;
    case stage::methods:
      return counted_;
    case stage::request:
      return 4;
    case stage::address:
      return counted_ + size_port;
    case stage::request4:
      return 7;
    default:
      return 0;
  }
}

std::size_t socks_dialogue::wanted() const noexcept { return size_of_part() - part_.size(); }

void socks_dialogue::enter(stage next) noexcept {
  part_.clear();
  stage_ = next;
}

std::string socks_dialogue::take(std::span<const char> bytes) {
  assert(!bytes.empty() && bytes.size() <= wanted());
  part_.append(bytes.data(), bytes.size());
  return wanted() == 0 ? finish_part() : std::string();
}

std::string socks_dialogue::finish_part() {
  switch (stage_) {
    case stage::version:
      is_four_ = byte(0) == socks4;
      if (!is_four_ && byte(0) != socks5) return break_off("it speaks neither SOCKS5 nor SOCKS4");
      enter(is_four_ ? stage::request4 : stage::method_count);
      return {};
    case stage::method_count:
      counted_ = byte(0);
      enter(stage::methods);
      return counted_ == 0 ? read_methods() : std::string();
    case stage::methods:
      return read_methods();
    case stage::request:
      return read_request();
    case stage::name_size:
      counted_ = byte(0);
      enter(stage::address);
      return {};
    case stage::address:
      return read_address();
    case stage::request4:
      return read_request4();
    default:
      return take_text4(part_[0]);
  }
}

std::string socks_dialogue::read_methods() {
  bool is_offered = part_.find(static_cast<char>(no_login)) != part_.npos;
  if (!is_offered)
    return break_off("it offers no SOCKS5 without a login",
                     {static_cast<char>(socks5), static_cast<char>(no_method)});
  enter(stage::request);
  return {static_cast<char>(socks5), static_cast<char>(no_login)};
}

std::string socks_dialogue::read_request() {
  if (byte(0) != socks5) return break_off("its SOCKS5 request has another version");
  if (byte(1) != connect_command)
    return break_off("it asks for more than CONNECT", answer5(reply_no_command));
  kind_ = static_cast<unsigned char>(byte(3));
  if (kind_ == kind_name) {
    enter(stage::name_size);
    return {};
  }
  if (kind_ != kind_v4 && kind_ != kind_v6)
    return break_off("its address is of an unknown kind", answer5(reply_no_address));
  counted_ = kind_ == kind_v4 ? size_v4 : size_v6;
  enter(stage::address);
  return {};
}

std::string socks_dialogue::read_address() {
  port_ = static_cast<int>(byte(counted_) << 8 | byte(counted_ + 1));
  if (kind_ == kind_name) return complete_with(part_.substr(0, counted_));
  return complete_with(address_text(kind_ == kind_v4 ? AF_INET : AF_INET6, part_.data()));
}

std::string socks_dialogue::read_request4() {
  if (byte(0) != connect_command)
    return break_off("it asks for more than CONNECT", answer4(reply4_failed));
  port_ = static_cast<int>(byte(1) << 8 | byte(2));
  // SOCKS4a: 0.0.0.x, x not 0, stands for a name that follows.
  bool has_name = byte(3) == 0 && byte(4) == 0 && byte(5) == 0 && byte(6) != 0;
  host_ = has_name ? std::string() : address_text(AF_INET, part_.data() + 3);
  counted_ = 0;
  enter(stage::user4);
  return {};
}

// A user, which says nothing here, and a name, each with a zero at its end.
std::string socks_dialogue::take_text4(char c) {
  part_.clear();
  if (c != '\0') {
    if (++counted_ > max_text4)
      return break_off("its SOCKS4 request is too long", answer4(reply4_failed));
    if (stage_ == stage::name4) host_ += c;
    return {};
  }
  if (stage_ == stage::name4 || !host_.empty()) return complete_with(std::move(host_));
  counted_ = 0;
  enter(stage::name4);
  return {};
}

std::string socks_dialogue::complete_with(std::string host) {
  if (!is_host_name(host) || port_ == 0)
    return break_off("it asks for no host and port", denied(socks_refusal::failed));
  host_ = std::move(host);
  enter(stage::complete);
  return {};
}

std::string socks_dialogue::break_off(std::string_view why, std::string answer) {
  problem_ = why;
  enter(stage::broken);
  return answer;
}

// The address that the server connects from is not known here.
std::string socks_dialogue::answer5(unsigned char code) const {
  std::string answer(4 + size_v4 + size_port, '\0');
  answer[0] = static_cast<char>(socks5);
  answer[1] = static_cast<char>(code);
  answer[3] = static_cast<char>(kind_v4);
  return answer;
}

std::string socks_dialogue::answer4(unsigned char code) const {
  std::string answer(8, '\0');
  answer[1] = static_cast<char>(code);
  return answer;
}

std::string socks_dialogue::granted() const {
  return is_four_ ? answer4(reply4_granted) : answer5(0);
}

std::string socks_dialogue::denied(socks_refusal why) const {
  if (is_four_) return answer4(reply4_failed);
  switch (why) {
    case socks_refusal::not_allowed:
      return answer5(reply_not_allowed);
    case socks_refusal::unreachable:
      return answer5(reply_unreachable);
    case socks_refusal::refused:
      return answer5(reply_refused);
    default:
      return answer5(reply_failed);
  }
}

}  // namespace execo::detail
