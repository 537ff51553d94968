#include "transfer/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

#include "base/hex.hpp"

namespace execo::detail {

void sha256::deleter::operator()(evp_md_ctx_st* c) const noexcept { EVP_MD_CTX_free(c); }

sha256::sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

void sha256::update(std::span<const char> bytes) noexcept {
  (void)EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());  // fails for a bad context
}

std::string sha256::hex() {
  std::array<char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  (void)EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                           &size);  // as in update()
  return hex_of(std::span<const char>(bytes).first(size));
}

}  // namespace execo::detail
