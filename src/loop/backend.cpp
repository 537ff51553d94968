#include "loop/backend.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "loop/epoll_backend.hpp"
#include "loop/uring_backend.hpp"

namespace execo::detail {

std::unique_ptr<backend> make_backend(int wake) {
  const char* forced = std::getenv("EXECO_BACKEND");
  std::string_view choice = forced != nullptr ? forced : "";
  if (choice == "epoll") return make_epoll_backend("asked for by EXECO_BACKEND", wake);
  if (!choice.empty() && choice != "uring")
    throw std::invalid_argument("EXECO_BACKEND=" + std::string(choice) +
                                ": expected uring or epoll");
  std::string why;
  if (auto made = make_uring_backend(why, wake)) return made;
  if (choice == "uring") throw std::invalid_argument("EXECO_BACKEND=uring: " + why);
  return make_epoll_backend(why, wake);
}

void refuse_to_block(int fd) noexcept {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) (void)::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace execo::detail
