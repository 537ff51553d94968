#include "ssh/greeting.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

namespace execo::detail {
namespace {

constexpr std::string_view identification = "SSH-";
// OpenSSH's client takes as much of a line, and a thousand of them.
constexpr std::size_t max_line = 8192;
constexpr std::size_t max_total = 256 * 1024;
constexpr std::size_t max_kept = 256;

}  // namespace

greeting::progress greeting::read(int socket) {
  std::array<char, 4096> buffer;
  for (;;) {
    ssize_t n = ::recv(socket, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n == 0) return progress::ended;
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return progress::waiting;
      why_ = {errno, std::system_category()};
      return progress::failed;
    }
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    std::size_t text = text_before_identification(bytes);
    note(bytes.substr(0, text));
    if (text > 0) (void)!::recv(socket, buffer.data(), text, MSG_DONTWAIT);  // it is there
    if (text < bytes.size()) return progress::identified;
    if (line_ > max_line || total_ > max_total) return progress::too_long;
  }
}

// What may become an identification is libssh's already: left unread it would keep the socket
// readable without progress.
std::size_t greeting::text_before_identification(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::string_view rest = bytes.substr(at);
    if (line_ == 0 && identification.starts_with(rest.substr(0, identification.size()))) break;
    std::size_t end = rest.find('\n');
    std::size_t taken = end == rest.npos ? rest.size() : end + 1;
    line_ = end == rest.npos ? line_ + taken : 0;
    at += taken;
    if (line_ > max_line) break;
  }
  return at;
}

void greeting::note(std::string_view text) {
  total_ += text.size();
  said_ += text.substr(0, max_kept - std::min(max_kept, said_.size()));
}

bool says_too_busy(std::string_view said) noexcept {
  return said.find("Exceeded MaxStartups") != said.npos ||
         said.find("Not allowed at this time") != said.npos;
}

bool tells_of_turning_away(std::string_view words) noexcept {
  return says_too_busy(words) || words.find("kex_exchange_identification: ") != words.npos;
}

}  // namespace execo::detail
