#include "wire/blake2b.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace execo::detail {

namespace {

constexpr std::size_t blake_block = 128;
constexpr std::size_t blake_rounds = 12;
constexpr std::size_t digest_size = 16;

// The names of RFC 7693: h is the state, v the working vector, m the block, t the bytes so far.
constexpr std::array<std::uint64_t, 8> blake_iv{
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr std::uint8_t blake_sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

using blake_state = std::array<std::uint64_t, 8>;

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

bytes16 blake2b128(std::string_view bytes) noexcept {
  blake_state h = blake_iv;
  h[0] ^= 0x01010000 ^ digest_size;  // no key, no tree
  std::uint64_t t = 0;
  for (; bytes.size() > blake_block; bytes.remove_prefix(blake_block)) {
    t += blake_block;
    compress(h, bytes.data(), t, false);
  }
  std::array<char, blake_block> block{};
  bytes.copy(block.data(), block.size());
  compress(h, block.data(), t + bytes.size(), true);
  bytes16 digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<char>((h[i / 8] >> (8 * (i % 8))) & 0xff);
  return digest;
}

}  // namespace execo::detail
