#include "wire/ssh_agent_request.hpp"

#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::uint8_t wants_keys = 11;
constexpr std::uint8_t wants_signature = 13;
constexpr std::uint8_t wants_extension = 27;
constexpr std::string_view bind_extension = "session-bind@openssh.com";

/// Big-endian numbers and texts; nothing from the first one on that is not there.
class ssh_fields {
 public:
  explicit ssh_fields(std::string_view from) noexcept : left_(from) {}

  bool finished() const noexcept { return ok_ && left_.empty(); }
  bool ok() const noexcept { return ok_; }
  std::uint8_t byte() noexcept {
    const std::string_view got = take(1);
    return got.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(got[0]);
  }
  std::uint32_t number() noexcept {
    std::uint32_t value = 0;
    for (char c : take(length_bytes)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view text(std::size_t limit) noexcept {
    const std::size_t size = number();
    if (size > limit) ok_ = false;
    return take(size);
  }

 private:
  std::string_view take(std::size_t size) noexcept {
    ok_ = ok_ && size <= left_.size();
    if (!ok_) return {};
    const std::string_view got = left_.substr(0, size);
    left_.remove_prefix(size);
    return got;
  }

  std::string_view left_;
  bool ok_ = true;
};

ssh_agent_request read_signature(ssh_fields& from) noexcept {
  ssh_agent_request read;
  read.key = from.text(sign_key_limit);
  read.data = from.text(sign_data_limit);
  read.flags = from.number();
  if (from.finished()) read.wish = ssh_agent_wish::signature;
  return read;
}

ssh_agent_request read_extension(ssh_fields& from) noexcept {
  ssh_agent_request read;
  const bool binds = from.text(ssh_agent_request_limit) == bind_extension;
  if (!from.ok()) return read;
  read.wish = ssh_agent_wish::other;
  if (!binds) return read;
  read.wish = ssh_agent_wish::malformed;
  read.host_key = from.text(sign_key_limit);
  read.session = from.text(sign_session_limit);
  read.proof = from.text(sign_key_limit);
  read.forwards = from.byte() != 0;
  if (from.finished()) read.wish = ssh_agent_wish::bind;
  return read;
}

}  // namespace

std::optional<std::size_t> ssh_agent_reader::size_of(std::string_view bytes,
                                                     bool& malformed) noexcept {
  if (bytes.size() < length_bytes) return std::nullopt;
  const std::size_t size = ssh_fields(bytes).number();
  malformed = size == 0 || size > ssh_agent_request_limit;
  return length_bytes + size;
}

ssh_agent_request ssh_agent_reader::read(std::string_view message) noexcept {
  ssh_fields from(message);
  ssh_agent_request read;
  switch (from.byte()) {
    case wants_keys:
      if (from.finished()) read.wish = ssh_agent_wish::keys;
      return read;
    case wants_signature:
      return read_signature(from);
    case wants_extension:
      return read_extension(from);
    default:
      if (from.ok()) read.wish = ssh_agent_wish::other;
      return read;
  }
}

std::string ssh_agent_reader::framed(std::string_view message) {
  std::string bytes;
  for (unsigned shift : {24U, 16U, 8U, 0U})
    bytes.push_back(static_cast<char>(message.size() >> shift & 0xffU));
  bytes.append(message);
  return bytes;
}

}  // namespace execo::detail
