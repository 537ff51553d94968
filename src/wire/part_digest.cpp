#include <algorithm>
#include <array>
#include <string>

#include "wire/blake2b.hpp"
#include "wire/blake2b_state.hpp"
#include "wire/content_digests.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace execo::detail {

namespace {

constexpr std::size_t lane_count = 4;
using digest_lanes = std::array<std::string_view, lane_count>;
using lane_states = std::array<blake_state, lane_count>;

// Of whole blocks, but for the last one that has any bytes.
digest_lanes lanes_of(std::string_view bytes) noexcept {
  const std::size_t blocks = (bytes.size() + blake_block - 1) / blake_block;
  const std::size_t each = (blocks + lane_count - 1) / lane_count * blake_block;
  digest_lanes lanes;
  for (std::string_view& lane : lanes) {
    lane = bytes.substr(0, each);
    bytes.remove_prefix(lane.size());
  }
  return lanes;
}

// `done` bytes of each lane are in its state.
bytes16 digest_of_lanes(const digest_lanes& lanes, const lane_states& states,
                        std::size_t done) noexcept {
  std::array<char, lane_count * sizeof(bytes16) + sizeof(std::uint64_t)> all;
  char* at = all.data();
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < lane_count; ++i) {
    const bytes16 one = blake2b128_end(states[i], done, lanes[i].substr(done));
    at = std::copy(one.begin(), one.end(), at);
    size += lanes[i].size();
  }
  for (; at != all.data() + all.size(); size >>= 8) *at++ = static_cast<char>(size & 0xff);
  return blake2b128(std::string_view(all.data(), all.size()));
}

#if defined(__x86_64__)

#define EXECO_BY_AVX2 __attribute__((target("avx2"), always_inline)) inline

EXECO_BY_AVX2 __m256i word_rotated(__m256i word, int bits) noexcept {
  return _mm256_or_si256(_mm256_srli_epi64(word, bits), _mm256_slli_epi64(word, 64 - bits));
}

EXECO_BY_AVX2 void mix_lanes(__m256i* v, int a, int b, int c, int d, __m256i x,
                             __m256i y) noexcept {
  const __m256i by_24 = _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4,
                                         5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10);
  const __m256i by_16 = _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3,
                                         4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9);
  constexpr int swapped_halves = 0xb1;
  v[a] = _mm256_add_epi64(_mm256_add_epi64(v[a], v[b]), x);
  v[d] = _mm256_shuffle_epi32(_mm256_xor_si256(v[d], v[a]), swapped_halves);
  v[c] = _mm256_add_epi64(v[c], v[d]);
  v[b] = _mm256_shuffle_epi8(_mm256_xor_si256(v[b], v[c]), by_24);
  v[a] = _mm256_add_epi64(_mm256_add_epi64(v[a], v[b]), y);
  v[d] = _mm256_shuffle_epi8(_mm256_xor_si256(v[d], v[a]), by_16);
  v[c] = _mm256_add_epi64(v[c], v[d]);
  v[b] = word_rotated(_mm256_xor_si256(v[b], v[c]), 63);
}

EXECO_BY_AVX2 __m256i lane_words(const std::string_view& lane, std::size_t at) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lane.data() + at));
}

// Four words of each lane become four rows of a word of each.
EXECO_BY_AVX2 void load_words(__m256i* into, const digest_lanes& from, std::size_t at) noexcept {
  const __m256i a = lane_words(from[0], at), b = lane_words(from[1], at);
  const __m256i c = lane_words(from[2], at), d = lane_words(from[3], at);
  const __m256i ab_even = _mm256_unpacklo_epi64(a, b), ab_odd = _mm256_unpackhi_epi64(a, b);
  const __m256i cd_even = _mm256_unpacklo_epi64(c, d), cd_odd = _mm256_unpackhi_epi64(c, d);
  into[0] = _mm256_permute2x128_si256(ab_even, cd_even, 0x20);
  into[1] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x20);
  into[2] = _mm256_permute2x128_si256(ab_even, cd_even, 0x31);
  into[3] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x31);
}

// The first `size` bytes of each lane, whole blocks of which none is the last of its lane.
__attribute__((target("avx2"))) void take_blocks(lane_states& states, const digest_lanes& lanes,
                                                 std::size_t size) noexcept {
  __m256i h[8], v[16], m[16];
  for (std::size_t i = 0; i < 8; ++i)
    h[i] = _mm256_set1_epi64x(static_cast<long long>(states[0][i]));
  for (std::size_t at = 0; at < size; at += blake_block) {
    for (std::size_t i = 0; i < 16; i += 4) load_words(m + i, lanes, at + i * 8);
    for (std::size_t i = 0; i < 8; ++i) {
      v[i] = h[i];
      v[i + 8] = _mm256_set1_epi64x(static_cast<long long>(blake_iv[i]));
    }
    const auto t = static_cast<long long>(at + blake_block);
    v[12] = _mm256_xor_si256(v[12], _mm256_set1_epi64x(t));
    for (std::size_t round = 0; round < blake_rounds; ++round) {
      const std::uint8_t* s = blake_sigma[round % 10];
      mix_lanes(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
      mix_lanes(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
      mix_lanes(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
      mix_lanes(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
      mix_lanes(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
      mix_lanes(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
      mix_lanes(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
      mix_lanes(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (std::size_t i = 0; i < 8; ++i)
      h[i] = _mm256_xor_si256(h[i], _mm256_xor_si256(v[i], v[i + 8]));
  }
  for (std::size_t i = 0; i < 8; ++i) {
    alignas(32) std::uint64_t words[lane_count];
    _mm256_store_si256(reinterpret_cast<__m256i*>(words), h[i]);
    for (std::size_t lane = 0; lane < lane_count; ++lane) states[lane][i] = words[lane];
  }
}

#undef EXECO_BY_AVX2

bool takes_four_lanes() noexcept { return __builtin_cpu_supports("avx2") != 0; }

#else

void take_blocks(lane_states&, const digest_lanes&, std::size_t) noexcept {}

bool takes_four_lanes() noexcept { return false; }

#endif

lane_states fresh_states() noexcept {
  lane_states states;
  states.fill(blake2b128_begin());
  return states;
}

}  // namespace

bytes16 part_digest_by_blake2b(std::string_view bytes) noexcept {
  return digest_of_lanes(lanes_of(bytes), fresh_states(), 0);
}

bytes16 part_digest(std::string_view bytes) noexcept {
  static const bool by_lanes = takes_four_lanes();
  const digest_lanes lanes = lanes_of(bytes);
  // The last one is the shortest.
  const std::size_t least = lanes.back().size();
  if (!by_lanes || least <= blake_block) return part_digest_by_blake2b(bytes);
  const std::size_t shared = (least - 1) / blake_block * blake_block;
  lane_states states = fresh_states();
  take_blocks(states, lanes, shared);
  return digest_of_lanes(lanes, states, shared);
}

}  // namespace execo::detail
