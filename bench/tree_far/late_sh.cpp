// Stands in front of /bin/sh in PATH, for bench/tree: a shell that is EXECO_LOCAL_DELAY
// milliseconds away. It has no library to load, so that it costs as little as can be.
#include <poll.h>
#include <unistd.h>

#include <cstdlib>

int main(int, char** words) {
  const char* delay = std::getenv("EXECO_LOCAL_DELAY");
  if (delay != nullptr) (void)::poll(nullptr, 0, std::atoi(delay));
  (void)::execv("/bin/sh", words);
  return 127;
}
