// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the programs that make traffic share: sockets, whole messages, time, and records of bytes. */
#ifndef TESTS_NETNS_TALK_H
#define TESTS_NETNS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Say what failed, with errno, and end the program. */
void fail(const char *what) __attribute__((noreturn));

/* CLOCK_MONOTONIC, which is the same in all namespaces. */
uint64_t now_us(void);

/* An address and a port as they are typed. An IPv6 ADDRESS is of AF_INET6, ::ffff:10.0.0.1 too. */
struct sockaddr_storage parse_address(const char *address, const char *port, socklen_t *ret_size);

/* A new MPTCP socket; `flags` as SOCK_NONBLOCK. Ends the program where there are none. */
int mptcp_socket(int family, int flags);

/* Is it MPTCP, and did not fall back to TCP? */
bool is_mptcp(int fd);

/*
 * Be an MPTCP server until stdin ends, and say so on stdout. Each connection has a thread, which gets
 * the descriptor as its argument.
 */
void serve_all(const char *address, const char *port, void *(*serve)(void *));

/* Waiting for bytes: when some came last, and the longest time between two times. */
struct pause {
	uint64_t last_us, longest_us;
};

/* Send, or receive, exactly so many bytes, or words in network order; 0 or an errno. */
int send_all(int fd, const void *data, size_t size);
int receive_all(int fd, void *data, size_t size, struct pause *pause);
int send_words(int fd, const uint64_t *words, size_t n);
int receive_words(int fd, uint64_t *words, size_t n);

/* How many bytes came in each hundredth of a second since a time: a file that others may read. */
struct record {
	uint32_t *buckets;
	uint64_t begin_us;
};

#define RECORD_BUCKET_US 10000
#define RECORD_BUCKETS 120000 /* twenty minutes; what comes later is not recorded */

struct record record_open(const char *path, uint64_t begin_us);
void record_add(struct record *record, size_t bytes);

#endif
