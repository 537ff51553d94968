/* A message goes around: rank 1 begins, each adds its rank, the last one tells who runs the action.
 * Then all agree on the largest rank. For C programs the header is all there is. */
#include <stdio.h>
#include <string.h>

#include <execo/execo_msg.h>

int main(void) {
  static char text[EXECO_MSG_MOST];
  struct execo_msg_value largest;
  long rank = execo_msg_rank();
  long count = execo_msg_count();
  uint32_t next = rank < count ? (uint32_t)rank + 1 : 0;
  ssize_t size = 0;
  int talk = execo_msg_open();
  if (talk < 0) {
    fprintf(stderr, "ring: this is no command of a tree with messages\n");
    return 1;
  }
  if (rank > 1) size = execo_msg_receive(talk, NULL, text, sizeof text - 32, 60000);
  if (size < 0) return 1;
  size += sprintf(text + size, " %ld", rank);
  if (execo_msg_send(talk, next, text, (size_t)size) < 0) return 1;

  memset(&largest, 0, sizeof largest);
  largest.integer = rank;
  if (execo_msg_reduce(talk, EXECO_MSG_MAX, &largest, NULL, 0) != 0) return 1;
  printf("%ld of %u\n", (long)largest.integer, (unsigned)largest.took);
  return 0;
}
