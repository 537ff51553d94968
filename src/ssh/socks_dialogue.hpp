// What a SOCKS client says before its connection: SOCKS5 (RFC 1928), without a login, SOCKS4 and
// SOCKS4a; CONNECT alone. Pure: bytes in, bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace execo::detail {

/// Why a connection that was asked for is not made.
enum class socks_refusal : std::uint8_t { failed, not_allowed, unreachable, refused };

class socks_dialogue {
 public:
  /// What wanted() is at most.
  static constexpr std::size_t max_wanted = 258;

  /// How many bytes it can take now. What follows the request belongs to the connection, and is
  /// never asked for. 0: the dialogue is over.
  std::size_t wanted() const noexcept;
  /// What is to be sent to the client now; often nothing.
  /// Pre: at least one byte, at most wanted().
  std::string take(std::span<const char> bytes);

  /// After its end: the client asks for a connection. False: problem().
  bool is_complete() const noexcept { return stage_ == stage::complete; }
  /// Name or address, as the client gave it. Pre: is_complete().
  const std::string& host() const noexcept { return host_; }
  int port() const noexcept { return port_; }
  /// For people, a literal. Empty while there is none.
  std::string_view problem() const noexcept { return problem_; }

  /// The last word to the client, before the bytes of its connection. Pre: is_complete().
  std::string granted() const;
  std::string denied(socks_refusal why) const;

 private:
  // version -> method_count -> methods -> request -> name_size (a name) -> address -> complete;
  // version -> request4 -> user4 -> name4 (SOCKS4a) -> complete; from each to broken.
  enum class stage : std::uint8_t {
    version,
    method_count,
    methods,
    request,
    name_size,
    address,
    request4,
    user4,
    name4,
    complete,
    broken,
  };

  std::size_t size_of_part() const noexcept;
  std::string finish_part();
  std::string read_methods();
  std::string read_request();
  std::string read_address();
  std::string read_request4();
  std::string take_text4(char c);
  std::string complete_with(std::string host);
  std::string break_off(std::string_view why, std::string answer = {});
  std::string answer5(unsigned char code) const;
  std::string answer4(unsigned char code) const;
  void enter(stage next) noexcept;
  unsigned byte(std::size_t at) const noexcept { return static_cast<unsigned char>(part_[at]); }

  stage stage_ = stage::version;
  bool is_four_ = false;
  unsigned char kind_ = 0;   // of the address of SOCKS5
  std::size_t counted_ = 0;  // bytes of methods, or of a name
  std::string part_;         // what has come of the present part
  std::string host_;
  int port_ = 0;
  std::string_view problem_;
};

}  // namespace execo::detail
