#include "hostile_wire.hpp"

#include <openssl/hmac.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <vector>

namespace execo::test {
namespace {

constexpr std::size_t code_size = 32;
constexpr std::size_t block = 16;

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string counted(std::string_view bytes) {
  return number(static_cast<std::uint32_t>(bytes.size())) + std::string(bytes);
}

// A positive number of RFC 4251, 5.
std::string big_number(std::string_view bytes) {
  while (!bytes.empty() && bytes[0] == 0) bytes.remove_prefix(1);
  bool looks_negative = !bytes.empty() && (bytes[0] & 0x80) != 0;
  return counted((looks_negative ? std::string(1, '\0') : std::string()) + std::string(bytes));
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
  return value;
}

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* octets(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

void expect(bool worked) {
  if (!worked) throw std::runtime_error("hostile server: a call of OpenSSL failed");
}

std::string sha256(std::string_view bytes) {
  std::string hash(code_size, '\0');
  unsigned size = 0;
  expect(EVP_Digest(bytes.data(), bytes.size(), octets(hash), &size, EVP_sha256(), nullptr) == 1);
  return hash;
}

std::string public_part(EVP_PKEY* key) {
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  expect(EVP_PKEY_get_raw_public_key(key, octets(bytes), &size) == 1);
  return bytes;
}

std::string agree(EVP_PKEY* ours, std::string_view theirs) {
  openssl_key peer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, octets(theirs), theirs.size()));
  if (!peer) throw peer_gone();
  std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(ours, nullptr), &EVP_PKEY_CTX_free);
  std::string secret(32, '\0');
  std::size_t size = secret.size();
  expect(EVP_PKEY_derive_init(context.get()) == 1 &&
         EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
         EVP_PKEY_derive(context.get(), octets(secret), &size) == 1);
  return secret;
}

std::string sign(EVP_PKEY* key, std::string_view bytes) {
  std::unique_ptr<EVP_MD_CTX, openssl_deleter> context(EVP_MD_CTX_new());
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  expect(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestSign(context.get(), octets(signature), &size, octets(bytes), bytes.size()) == 1);
  return signature;
}

openssl_cipher cipher(std::string_view key, std::string_view start) {
  openssl_cipher made(EVP_CIPHER_CTX_new());
  expect(EVP_EncryptInit_ex(made.get(), EVP_aes_128_ctr(), nullptr, octets(key), octets(start)) ==
         1);
  return made;
}

// In counter mode both directions are the same.
void apply(const openssl_cipher& to, char* bytes, std::size_t size) {
  int written = 0;
  auto* at = reinterpret_cast<unsigned char*>(bytes);
  expect(EVP_EncryptUpdate(to.get(), at, &written, at, static_cast<int>(size)) == 1);
}

}  // namespace

payload& payload::u32(std::uint32_t value) { return raw(number(value)); }
payload& payload::text(std::string_view value) { return raw(counted(value)); }

hostile_wire::hostile_wire(detail::unique_fd socket, EVP_PKEY* host_key)
    : socket_(std::move(socket)), host_key_(host_key) {}

void hostile_wire::send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw peer_gone();
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void hostile_wire::pause(int milliseconds) {
  pollfd until{fd(), POLLRDHUP, 0};
  if (::poll(&until, 1, milliseconds) != 0) throw peer_gone();
}

void hostile_wire::flood(std::string_view bytes) {
  for (;;) send_raw(bytes);
}

void hostile_wire::flood(const payload& body) {
  for (;;) send(body);
}

void hostile_wire::drip(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    send_raw(bytes.substr(i, 1));
    pause(100);
  }
}

void hostile_wire::wait() {
  std::vector<char> room(64 * 1024);
  for (;;) {
    ssize_t n = ::recv(fd(), room.data(), room.size(), 0);
    if (n == 0 || (n < 0 && errno != EINTR)) throw peer_gone();
  }
}

void hostile_wire::sleep() {
  pause(-1);
  throw peer_gone();
}

void hostile_wire::close() { throw peer_gone(); }

void hostile_wire::reset() {
  linger at_once{1, 0};
  (void)::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  throw peer_gone();
}

void hostile_wire::shut_down_sending() { (void)::shutdown(fd(), SHUT_WR); }

void hostile_wire::read_exactly(char* to, std::size_t size) {
  while (size > 0) {
    ssize_t n = ::recv(fd(), to, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw peer_gone();
    to += n;
    size -= static_cast<std::size_t>(n);
  }
}

std::string hostile_wire::code_of(const std::string& key, std::uint32_t sequence,
                                  std::string_view packet) const {
  std::string covered = number(sequence) + std::string(packet);
  std::string code(code_size, '\0');
  unsigned size = 0;
  expect(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(covered),
              covered.size(), octets(code), &size) != nullptr);
  return code;
}

std::string hostile_wire::sealed(std::string_view body) {
  std::size_t padding = block - (5 + body.size()) % block;
  if (padding < 4) padding += block;
  std::string packet = number(static_cast<std::uint32_t>(1 + body.size() + padding));
  packet += static_cast<char>(padding);
  packet += body;
  packet.append(padding, '\0');
  std::string code = sending_ ? code_of(send_code_key_, sent_, packet) : std::string();
  ++sent_;
  if (sending_) apply(sending_, packet.data(), packet.size());
  return packet + code;
}

void hostile_wire::send_broken(const payload& body) {
  std::string packet = sealed(body.bytes());
  packet.back() = static_cast<char>(packet.back() ^ 1);
  send_raw(packet);
}

std::string hostile_wire::receive() {
  std::string packet(receiving_ ? block : 4, '\0');
  read_exactly(packet.data(), packet.size());
  if (receiving_) apply(receiving_, packet.data(), packet.size());
  std::size_t whole = 4 + std::size_t{number_at(packet, 0)};
  if (whole > 300 * 1024 || whole < packet.size()) throw peer_gone();
  std::size_t had = packet.size();
  packet.resize(whole);
  read_exactly(packet.data() + had, whole - had);
  if (receiving_) {
    apply(receiving_, packet.data() + had, whole - had);
    std::string code(code_size, '\0');
    read_exactly(code.data(), code.size());
    if (code != code_of(receive_code_key_, received_, packet)) throw peer_gone();
  }
  ++received_;
  auto padding = static_cast<unsigned char>(packet[4]);
  return packet.substr(5, whole - 5 - padding);
}

std::string hostile_wire::receive(unsigned char type) {
  for (;;) {
    std::string body = receive();
    if (!body.empty() && static_cast<unsigned char>(body[0]) == type) return body;
  }
}

payload hostile_wire::key_exchange_offer(std::string_view key_exchange,
                                         std::string_view compression) {
  payload offer(msg_kexinit);
  offer.raw(std::string(16, 'c')).text(key_exchange).text("ssh-ed25519");
  for (int direction = 0; direction < 2; ++direction) offer.text("aes128-ctr");
  for (int direction = 0; direction < 2; ++direction) offer.text("hmac-sha2-256");
  for (int direction = 0; direction < 2; ++direction) offer.text(compression);
  return offer.text("").text("").u8(0).u32(0);
}

void hostile_wire::exchange_banners(std::string_view ours) {
  our_banner_ = ours;
  send_raw(our_banner_ + "\r\n");
  their_banner_.clear();
  for (char c = 0; c != '\n'; their_banner_ += c) read_exactly(&c, 1);
  while (their_banner_.ends_with('\n') || their_banner_.ends_with('\r')) their_banner_.pop_back();
}

void hostile_wire::exchange_offers() {
  payload offer = key_exchange_offer("curve25519-sha256", "none");
  our_offer_ = offer.bytes();
  send(offer);
  their_offer_ = receive(msg_kexinit);
}

void hostile_wire::exchange_keys(reply how, bool with_new_keys) {
  std::string theirs = receive(msg_ecdh_init).substr(5);
  openssl_key ours(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  std::string point = public_part(ours.get());
  std::string shared = big_number(agree(ours.get(), theirs));
  if (how == reply::zero_point) point.assign(32, '\0');
  if (how == reply::short_point) point.resize(5);
  std::string key = counted(how == reply::wrong_key_type ? "ssh-odd" : "ssh-ed25519") +
                    counted(public_part(host_key_));
  if (how == reply::huge_key) key = counted("ssh-ed25519") + counted(std::string(200'000, 'k'));
  std::string hash =
      sha256(counted(their_banner_) + counted(our_banner_) + counted(their_offer_) +
             counted(our_offer_) + counted(key) + counted(theirs) + counted(point) + shared);
  std::string signature = sign(host_key_, hash);
  if (how == reply::wrong_signature) signature[7] = static_cast<char>(signature[7] ^ 1);
  if (how == reply::short_signature) signature.resize(10);
  std::string whole = counted("ssh-ed25519") + counted(signature);
  if (how == reply::no_signature) whole.clear();
  send(payload(msg_ecdh_reply).text(key).text(point).text(whole));
  if (!with_new_keys) return;
  send(payload(msg_newkeys));
  (void)receive(msg_newkeys);
  derive_keys(shared, hash);
}

void hostile_wire::derive_keys(std::string_view shared, std::string_view hash) {
  if (session_.empty()) session_ = hash;
  auto made = [&](char which) {
    return sha256(std::string(shared) + std::string(hash) + which + session_);
  };
  receiving_ = cipher(made('C'), made('A'));
  sending_ = cipher(made('D'), made('B'));
  receive_code_key_ = made('E');
  send_code_key_ = made('F');
}

void hostile_wire::start_service() {
  (void)receive(msg_service_request);
  send(payload(msg_service_accept).text("ssh-userauth"));
}

void hostile_wire::log_in() {
  (void)receive(msg_userauth_request);
  send(payload(msg_userauth_success));
}

void hostile_wire::await_channel() {
  std::string asked = receive(msg_channel_open);
  std::size_t kind = number_at(asked, 1);
  channel_ = number_at(asked, 5 + kind);
}

void hostile_wire::open_channel(std::uint32_t window, std::uint32_t packet) {
  await_channel();
  send(to_channel(msg_channel_confirm).u32(7).u32(window).u32(packet));
}

void hostile_wire::run_command() {
  (void)receive(msg_channel_request);
  send(to_channel(msg_channel_success));
}

void hostile_wire::reach_auth() {
  exchange_banners();
  exchange_offers();
  exchange_keys();
  start_service();
}

void hostile_wire::reach_open() {
  reach_auth();
  log_in();
}

void hostile_wire::reach_exec() {
  reach_open();
  open_channel();
}

void hostile_wire::reach_run() {
  reach_exec();
  run_command();
}

}  // namespace execo::test
