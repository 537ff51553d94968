// Stands in for the tree's agent where a test starts one by stage 1: says how it was started,
// removes the folder that it is given, as the agent does, and copies its input until that ends.
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

void remove_folder(const char* path) {
  const int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  (void)::unlinkat(folder, "execo-agent", 0);
  (void)::rmdir(path);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  if (*words[1] != '\0') remove_folder(words[1]);
  const char* nonce = ::getenv("EXECO_NONCE");
  const unsigned mask = ::umask(0);
  ::dprintf(1, "agent %s %s %03o\n", nonce, *words[1] == '\0' ? "-" : words[1], mask);
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(0, piece, sizeof piece)) > 0;)
    if (::write(1, piece, static_cast<size_t>(got)) != got) return 1;
  return 0;
}
