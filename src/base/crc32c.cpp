#include "base/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace execo::detail {

namespace {

constexpr std::uint32_t castagnoli = 0x82f63b78;  // reflected

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? castagnoli : 0);
    table[byte] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> crc_table = make_crc_table();

#if defined(__x86_64__)

// A processor computes three of these in the time of one, if none waits for another.
constexpr std::ptrdiff_t row_size = 2048;

// x to that power, modulo the polynomial, in the order of bits of a checksum.
constexpr std::uint32_t power_of_x(std::ptrdiff_t power) {
  std::uint32_t value = 0x80000000U;
  for (; power > 0; --power) value = (value >> 1) ^ ((value & 1U) != 0 ? castagnoli : 0U);
  return value;
}

// A checksum times that is the one behind so many bytes of zeros, once the instruction for eight
// bytes has taken the product: which is by x to the power of 33 too large.
constexpr std::uint32_t zeros_of_row = power_of_x(8 * row_size - 33);
constexpr std::uint32_t zeros_of_two_rows = power_of_x(16 * row_size - 33);

__attribute__((target("sse4.2"))) inline std::uint64_t add_eight(std::uint64_t value,
                                                                 const char* at) noexcept {
  std::uint64_t eight = 0;
  std::memcpy(&eight, at, sizeof eight);
  return __builtin_ia32_crc32di(value, eight);
}

__attribute__((target("sse4.2,pclmul"))) inline __m128i times(std::uint64_t value,
                                                              std::uint32_t power) noexcept {
  return _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(value)),
                              _mm_cvtsi64_si128(static_cast<long long>(power)), 0);
}

__attribute__((target("sse4.2,pclmul"))) std::uint64_t add_three_rows(std::uint64_t first,
                                                                      const char* at) noexcept {
  std::uint64_t second = 0, third = 0;
  for (const char* const end = at + row_size; at != end; at += 8) {
    first = add_eight(first, at);
    second = add_eight(second, at + row_size);
    third = add_eight(third, at + 2 * row_size);
  }
  const __m128i both = _mm_xor_si128(times(first, zeros_of_two_rows), times(second, zeros_of_row));
  return third ^ __builtin_ia32_crc32di(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(both)));
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_instruction(
    std::string_view bytes, std::uint32_t before) noexcept {
  static const bool by_rows = __builtin_cpu_supports("pclmul") != 0;
  std::uint64_t value = ~before;
  // By pointers: where code is to be small, each call of a string_view would be one.
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (; by_rows && end - at >= 3 * row_size; at += 3 * row_size) value = add_three_rows(value, at);
  for (; end - at >= 8; at += 8) value = add_eight(value, at);
  auto rest = static_cast<std::uint32_t>(value);
  for (; at != end; ++at) rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
  return ~rest;
}

bool has_crc_instruction() noexcept { return __builtin_cpu_supports("sse4.2") != 0; }

#elif defined(__aarch64__)

__attribute__((target("+crc"))) std::uint32_t crc32c_by_instruction(std::string_view bytes,
                                                                    std::uint32_t before) noexcept {
  std::uint32_t value = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    value = __crc32cd(value, eight);
  }
  for (char byte : bytes) value = __crc32cb(value, static_cast<unsigned char>(byte));
  return ~value;
}

bool has_crc_instruction() noexcept { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

#else

std::uint32_t crc32c_by_instruction(std::string_view bytes, std::uint32_t before) noexcept {
  return crc32c_by_table(bytes, before);
}

bool has_crc_instruction() noexcept { return false; }

#endif

}  // namespace

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint32_t value = ~before;
  for (char byte : bytes)
    value = (value >> 8) ^ crc_table[(value ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~value;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) noexcept {
  static const bool by_instruction = has_crc_instruction();
  return by_instruction ? crc32c_by_instruction(bytes, before) : crc32c_by_table(bytes, before);
}

}  // namespace execo::detail
