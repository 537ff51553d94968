/* Messages between the commands of an action that goes by way of a tree: for C and C++, this header
 * alone, nothing to link. A command finds the others by its environment:
 *
 *     int talk = execo_msg_open();
 *     execo_msg_send(talk, 2, "hello", 5);
 *     uint32_t from;
 *     char text[EXECO_MSG_MOST];
 *     ssize_t size = execo_msg_receive(talk, &from, text, sizeof text, -1);
 *
 * Ranks are 1 to execo_msg_count(); 0 is the process that runs the action. All functions are
 * blocking. They give -1 and set errno where something is wrong: ENOENT if this command has no
 * messages, ESRCH if the agent has gone, EINVAL and execo_msg_problem() if it says why not.
 * A descriptor is used by one thread at a time; each thread, and each child, opens one of its own. */
#ifndef EXECO_MSG_H
#define EXECO_MSG_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  EXECO_MSG_MOST = 32768,     /* bytes of a message */
  EXECO_MSG_TEXT_MOST = 4096, /* of a text that is given to a histogram or a fold */
  EXECO_MSG_RANGES_MOST = 1024
};

enum execo_msg_operation {
  EXECO_MSG_BARRIER = 0,
  EXECO_MSG_SUM = 1,
  EXECO_MSG_MIN = 2,
  EXECO_MSG_MAX = 3,
  EXECO_MSG_HISTOGRAM = 4,
  EXECO_MSG_FOLD = 5
};

/* The ranks first to last, both included. */
struct execo_msg_range {
  uint32_t first, last;
};

/* A value that is given to a reduction, and what it comes to. */
struct execo_msg_value {
  int is_real; /* real is the value, else integer */
  int64_t integer;
  double real;
  uint32_t took;  /* how many commands took part */
  char* text;     /* room for EXECO_MSG_MOST bytes: what a histogram or a fold comes to; or NULL */
  size_t size;    /* of the text */
};

/* Why the last call with EINVAL was not done, in words. */
static inline char* execo_msg_problem(void) {
  static char words[256];
  return words;
}

static inline long execo_msg_number_in(const char* name) {
  const char* text = getenv(name);
  return text != NULL && *text != '\0' ? strtol(text, NULL, 10) : -1;
}

/* -1: this is no command of a tree. */
static inline long execo_msg_rank(void) { return execo_msg_number_in("EXECO_RANK"); }
static inline long execo_msg_count(void) { return execo_msg_number_in("EXECO_COUNT"); }

static inline void execo_msg_put(unsigned char* to, uint64_t value, int bytes) {
  int i;
  for (i = 0; i < bytes; ++i) to[i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t execo_msg_get(const unsigned char* from, int bytes) {
  uint64_t value = 0;
  int i;
  for (i = 0; i < bytes; ++i) value |= (uint64_t)from[i] << (8 * i);
  return value;
}

/* A descriptor for all that follows; close(2) ends it. */
static inline int execo_msg_open(void) {
  const char* name = getenv("EXECO_MESSAGES");
  struct sockaddr_un at;
  size_t size = name != NULL ? strlen(name) : 0;
  int made;
  if (size < 2 || name[0] != '@' || size > sizeof at.sun_path) {
    errno = ENOENT;
    return -1;
  }
  memset(&at, 0, sizeof at);
  at.sun_family = AF_UNIX;
  memcpy(at.sun_path + 1, name + 1, size - 1);
  made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  while (connect(made, (struct sockaddr*)&at,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) != 0) {
    if (errno == EINTR) continue;
    close(made);
    errno = ESRCH;
    return -1;
  }
  return made;
}

/* Asks, and waits for the answer: its size, 5 bytes or more of `answer`. */
static inline ssize_t execo_msg_ask(int talk, const unsigned char* request, size_t size,
                                    unsigned char* answer, size_t room) {
  ssize_t got;
  do {
    got = send(talk, request, size, MSG_NOSIGNAL);
  } while (got < 0 && errno == EINTR);
  if (got >= 0) {
    do {
      got = recv(talk, answer, room, 0);
    } while (got < 0 && errno == EINTR);
  }
  if (got <= 0) {
    errno = ESRCH;
    return -1;
  }
  if (answer[0] == 4) {
    size_t length = (size_t)got - 1;
    if (length > 255) length = 255;
    memcpy(execo_msg_problem(), answer + 1, length);
    execo_msg_problem()[length] = '\0';
    errno = EINVAL;
    return -1;
  }
  return got;
}

/* To all ranks of these ranges; to all other commands without a range. Waits until each of them has
 * started and has room for it, or has ended. Gives the number of those that get it. */
static inline long execo_msg_send_to(int talk, const struct execo_msg_range* ranges, size_t count,
                                     const void* bytes, size_t size) {
  static const size_t front = 4;
  unsigned char answer[512];
  unsigned char* request;
  size_t i;
  ssize_t got;
  if (size > EXECO_MSG_MOST || count > EXECO_MSG_RANGES_MOST) {
    strcpy(execo_msg_problem(), "the message is above 32768 bytes, or has too many ranges");
    errno = EINVAL;
    return -1;
  }
  request = (unsigned char*)malloc(front + 8 * count + size);
  if (request == NULL) return -1;
  request[0] = 0;
  request[1] = count == 0;
  execo_msg_put(request + 2, count, 2);
  for (i = 0; i < count; ++i) {
    execo_msg_put(request + front + 8 * i, ranges[i].first, 4);
    execo_msg_put(request + front + 8 * i + 4, ranges[i].last, 4);
  }
  if (size > 0) memcpy(request + front + 8 * count, bytes, size);
  got = execo_msg_ask(talk, request, front + 8 * count + size, answer, sizeof answer);
  free(request);
  return got < 0 ? -1 : (long)execo_msg_get(answer + 1, 4);
}

/* To one rank. */
static inline long execo_msg_send(int talk, uint32_t rank, const void* bytes, size_t size) {
  struct execo_msg_range one;
  one.first = one.last = rank;
  return execo_msg_send_to(talk, &one, 1, bytes, size);
}

/* To all other commands. */
static inline long execo_msg_broadcast(int talk, const void* bytes, size_t size) {
  return execo_msg_send_to(talk, NULL, 0, bytes, size);
}

/* The next message to this command: its size, and who has sent it. Waits for `milliseconds` at most,
 * below 0 without end; then -1 and EAGAIN. What is above `room` is cut off. */
static inline ssize_t execo_msg_receive(int talk, uint32_t* from, void* bytes, size_t room,
                                        long milliseconds) {
  unsigned char request[5];
  unsigned char* answer = (unsigned char*)malloc(EXECO_MSG_MOST + 8);
  ssize_t got;
  size_t size;
  if (answer == NULL) return -1;
  request[0] = 1;
  execo_msg_put(request + 1, milliseconds < 0 ? 0xffffffffU : (uint64_t)milliseconds, 4);
  got = execo_msg_ask(talk, request, sizeof request, answer, EXECO_MSG_MOST + 8);
  if (got >= 0 && answer[0] == 2) {
    errno = EAGAIN;
    got = -1;
  }
  if (got < 0) {
    free(answer);
    return -1;
  }
  if (from != NULL) *from = (uint32_t)execo_msg_get(answer + 1, 4);
  size = (size_t)got - 5;
  if (size > room) size = room;
  if (size > 0) memcpy(bytes, answer + 5, size);
  free(answer);
  return (ssize_t)size;
}

/* Waits until all commands that have not ended have called it with the same operation; 0, and in
 * `value` what their values come to. A histogram and a fold take `text`. A command is at one at a
 * time. */
static inline int execo_msg_reduce(int talk, enum execo_msg_operation operation,
                                   struct execo_msg_value* value, const char* text, size_t size) {
  const size_t front = 11, answer_front = 15, room = EXECO_MSG_MOST + answer_front;
  unsigned char* packet = (unsigned char*)malloc(room);
  int is_number = operation >= EXECO_MSG_SUM && operation <= EXECO_MSG_MAX;
  uint64_t bits = 0;
  ssize_t got;
  if (packet == NULL) return -1;
  if (size > EXECO_MSG_TEXT_MOST) size = EXECO_MSG_TEXT_MOST + 1;
  if (is_number && value->is_real) memcpy(&bits, &value->real, sizeof bits);
  if (is_number && !value->is_real) bits = (uint64_t)value->integer;
  packet[0] = 2;
  packet[1] = (unsigned char)operation;
  packet[2] = (unsigned char)(is_number && value->is_real);
  execo_msg_put(packet + 3, bits, 8);
  if (size > 0) memcpy(packet + front, text, size);
  got = execo_msg_ask(talk, packet, front + size, packet, room);
  if (got >= (ssize_t)answer_front && value != NULL) {
    bits = execo_msg_get(packet + 3, 8);
    value->is_real = packet[2] != 0;
    value->integer = (int64_t)bits;
    if (value->is_real) memcpy(&value->real, &bits, sizeof bits);
    if (!value->is_real) value->real = (double)value->integer;
    value->took = (uint32_t)execo_msg_get(packet + 11, 4);
    value->size = (size_t)got - answer_front;
    if (value->text != NULL) memcpy(value->text, packet + answer_front, value->size);
  }
  free(packet);
  return got < 0 ? -1 : 0;
}

/* Waits for all others; gives how many commands have come. */
static inline long execo_msg_barrier(int talk) {
  struct execo_msg_value none;
  memset(&none, 0, sizeof none);
  return execo_msg_reduce(talk, EXECO_MSG_BARRIER, &none, NULL, 0) != 0 ? -1 : (long)none.took;
}

#ifdef __cplusplus
}
#endif

#endif
