// Whatever an agent answers, and whatever is in a public key file: the decoders end, stay in their
// bounds, and keep to their limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/agent_protocol.hpp"
#include "ssh/key_blob.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace execo::detail;
  std::string_view text(reinterpret_cast<const char*>(data), size);

  std::vector<agent_key> keys;
  if (read_list(text, keys) == agent_reply::good) {
    if (keys.size() > max_agent_keys) std::abort();
    for (const agent_key& key : keys) {
      if (key.blob.size() > max_agent_field) std::abort();
      if (plain_key_of(key.blob).size() > key.blob.size()) std::abort();
      std::vector<agent_key> again;
      if (read_list(list_answer(key).substr(4), again) != agent_reply::good) std::abort();
      if (again.at(0).blob != key.blob || again[0].comment != key.comment) std::abort();
    }
  } else if (!keys.empty()) {
    std::abort();
  }

  std::string signature;
  bool signed_ = read_signature(text, signature) == agent_reply::good;
  if (signed_ && (signature.empty() || signature.size() > max_agent_field)) std::abort();

  if (auto found = find_sign_request(text)) {
    auto again = find_sign_request(sign_request(*found));
    if (!again || again->key != found->key || again->data != found->data) std::abort();
  }
  if (plain_key_of(text).size() > size) std::abort();
  std::string blob = key_in_text(text);
  if (!blob.empty() && text.find(type_of_key(blob)) == text.npos) std::abort();
  return 0;
}
