// A SHA-256 of what comes piece by piece.
#pragma once

#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;

namespace execo::detail {

class sha256 {
 public:
  /// Throws: std::bad_alloc.
  sha256();
  void update(std::span<const char> bytes) noexcept;
  /// 64 digits, of all that came. Once.
  std::string hex();

 private:
  struct deleter {
    void operator()(evp_md_ctx_st* c) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, deleter> context_;
};

}  // namespace execo::detail
