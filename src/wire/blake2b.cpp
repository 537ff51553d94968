#include "wire/blake2b.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "wire/blake2b_state.hpp"

namespace execo::detail {

namespace {

constexpr std::size_t digest_size = 16;

std::uint64_t word_at(const char* bytes) noexcept {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

inline void mix(std::uint64_t& a, std::uint64_t& b, std::uint64_t& c, std::uint64_t& d,
                std::uint64_t x, std::uint64_t y) noexcept {
  a += b + x;
  d = std::rotr(d ^ a, 32);
  c += d;
  b = std::rotr(b ^ c, 24);
  a += b + y;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 63);
}

void compress(blake_state& h, const char* block, std::uint64_t t, bool last) noexcept {
  std::array<std::uint64_t, 16> m;
  for (std::size_t i = 0; i < m.size(); ++i) m[i] = word_at(block + 8 * i);
  std::array<std::uint64_t, 16> v;
  for (std::size_t i = 0; i < h.size(); ++i) {
    v[i] = h[i];
    v[i + 8] = blake_iv[i];
  }
  v[12] ^= t;
  if (last) v[14] = ~v[14];
  for (std::size_t round = 0; round < blake_rounds; ++round) {
    const std::uint8_t* s = blake_sigma[round % 10];
    mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
    mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
    mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
    mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
    mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
    mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
    mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
    mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
  }
  for (std::size_t i = 0; i < h.size(); ++i) h[i] ^= v[i] ^ v[i + 8];
}

}  // namespace

blake_state blake2b128_begin() noexcept {
  blake_state h = blake_iv;
  h[0] ^= 0x01010000 ^ digest_size;  // no key, no tree
  return h;
}

bytes16 blake2b128_end(blake_state h, std::uint64_t before, std::string_view rest) noexcept {
  std::uint64_t t = before;
  for (; rest.size() > blake_block; rest.remove_prefix(blake_block)) {
    t += blake_block;
    compress(h, rest.data(), t, false);
  }
  std::array<char, blake_block> block{};
  rest.copy(block.data(), block.size());
  compress(h, block.data(), t + rest.size(), true);
  bytes16 digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<char>((h[i / 8] >> (8 * (i % 8))) & 0xff);
  return digest;
}

bytes16 blake2b128(std::string_view bytes) noexcept {
  return blake2b128_end(blake2b128_begin(), 0, bytes);
}

}  // namespace execo::detail
