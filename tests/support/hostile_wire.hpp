// The server's end of an ssh connection that does exactly what a test tells it to, right or wrong:
// raw bytes, packets, and the least of SSH 2 that leads to any stage (curve25519-sha256,
// ssh-ed25519, aes128-ctr, hmac-sha2-256). Blocking, for a thread of its own.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace execo::test {

/// The peer went away, or the server is being ended.
class peer_gone {};

struct openssl_deleter {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using openssl_key = std::unique_ptr<EVP_PKEY, openssl_deleter>;
using openssl_cipher = std::unique_ptr<EVP_CIPHER_CTX, openssl_deleter>;

/// Numbers of RFC 4250 to 4254.
enum message : unsigned char {
  msg_disconnect = 1,
  msg_ignore = 2,
  msg_unimplemented = 3,
  msg_debug = 4,
  msg_service_request = 5,
  msg_service_accept = 6,
  msg_ext_info = 7,
  msg_kexinit = 20,
  msg_newkeys = 21,
  msg_ecdh_init = 30,
  msg_ecdh_reply = 31,
  msg_userauth_request = 50,
  msg_userauth_failure = 51,
  msg_userauth_success = 52,
  msg_userauth_banner = 53,
  msg_userauth_pk_ok = 60,
  msg_global_request = 80,
  msg_request_success = 81,
  msg_request_failure = 82,
  msg_channel_open = 90,
  msg_channel_confirm = 91,
  msg_channel_failure_to_open = 92,
  msg_window_adjust = 93,
  msg_channel_data = 94,
  msg_channel_extended = 95,
  msg_channel_eof = 96,
  msg_channel_close = 97,
  msg_channel_request = 98,
  msg_channel_success = 99,
  msg_channel_failure = 100,
};

/// The body of a packet, written piece by piece.
class payload {
 public:
  explicit payload(unsigned char type) { u8(type); }
  payload& u8(unsigned value) {
    bytes_ += static_cast<char>(value);
    return *this;
  }
  payload& u32(std::uint32_t value);
  payload& text(std::string_view value);
  payload& raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

class hostile_wire {
 public:
  /// What the key exchange does wrong, if anything.
  enum class reply {
    right,
    wrong_signature,
    no_signature,
    short_signature,
    huge_key,
    wrong_key_type,
    zero_point,
    short_point
  };

  hostile_wire(detail::unique_fd socket, EVP_PKEY* host_key);
  hostile_wire(const hostile_wire&) = delete;
  hostile_wire& operator=(const hostile_wire&) = delete;

  int fd() const noexcept { return socket_.get(); }

  // Of the socket. Throws: peer_gone.
  void send_raw(std::string_view bytes);
  /// Nothing happens for so long, unless the peer goes away first.
  void pause(int milliseconds);
  /// Sends `bytes` again and again, until the peer goes.
  [[noreturn]] void flood(std::string_view bytes);
  /// Sends them byte by byte, slowly.
  void drip(std::string_view bytes);
  /// Takes what comes and does nothing more, until the peer goes.
  [[noreturn]] void wait();
  /// Reads nothing either.
  [[noreturn]] void sleep();
  [[noreturn]] void close();
  [[noreturn]] void reset();
  void shut_down_sending();

  // Packets, encrypted once the keys are in use.
  void send(const payload& body) { send_raw(sealed(body.bytes())); }
  /// With a code of its integrity that is wrong.
  void send_broken(const payload& body);
  [[noreturn]] void flood(const payload& body);
  /// The next packet's body.
  std::string receive();
  /// Skips what comes before a packet of this type.
  std::string receive(unsigned char type);
  /// As it goes over the wire.
  std::string sealed(std::string_view body);
  /// A body without a type, for KEXINIT; `lists` in place of the two of compression, if not empty.
  static payload key_exchange_offer(std::string_view key_exchange, std::string_view compression);

  // The right way to each stage.
  void exchange_banners(std::string_view ours = "SSH-2.0-OpenSSH_9.2");
  void exchange_offers();
  void exchange_keys(reply how = reply::right, bool with_new_keys = true);
  void start_service();
  void log_in();
  /// Learns the number of the channel that the client asks for.
  void await_channel();
  void open_channel(std::uint32_t window = 1U << 20, std::uint32_t packet = 32768);
  void run_command();
  /// All of these.
  void reach_auth();
  void reach_open();
  void reach_exec();
  void reach_run();

  payload to_channel(unsigned char type) const { return payload(type).u32(channel_); }
  payload request(std::string_view name, bool wants_reply = false) const {
    return to_channel(msg_channel_request).text(name).u8(wants_reply ? 1 : 0);
  }
  payload exit_status(std::uint32_t code) const { return request("exit-status").u32(code); }
  payload data(std::string_view bytes) const { return to_channel(msg_channel_data).text(bytes); }
  std::uint32_t channel() const noexcept { return channel_; }

 private:
  void read_exactly(char* to, std::size_t size);
  void derive_keys(std::string_view shared, std::string_view hash);
  std::string code_of(const std::string& key, std::uint32_t number, std::string_view packet) const;

  detail::unique_fd socket_;
  EVP_PKEY* host_key_;
  std::string their_banner_, our_banner_, their_offer_, our_offer_;
  std::string session_;
  std::string receive_code_key_, send_code_key_;
  openssl_cipher receiving_, sending_;
  std::uint32_t received_ = 0, sent_ = 0;
  std::uint32_t channel_ = 0;
};

}  // namespace execo::test
