/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names to addresses: getaddrinfo(3), in a thread where one must not wait for it. */
#ifndef LIB_MPTCP_LOOKUP_H
#define LIB_MPTCP_LOOKUP_H

#include <stdbool.h>

struct addrinfo;

struct lookup_request {
	const char *host, *service; /* host NULL: this host */
	int family;
	bool numeric; /* nobody is asked */
	bool passive; /* to listen: NULL is every address, and port 0 is fine */
};

/* What came of it; `list` is to be freed by freeaddrinfo(), and NULL unless error is 0. */
struct lookup_result {
	struct addrinfo *list;
	int error; /* 0 or -errno */
	int code; /* EAI_*, or 0 */
};

struct lookup;

/* Is it fit to be asked? 0, -EINVAL, -ENAMETOOLONG. */
int mptcp_lookup_check(const struct lookup_request *request);
/* Ask and wait. Without `wait` only what needs no other host; false: this needs others. */
bool mptcp_lookup_now(const struct lookup_request *request, bool wait, struct lookup_result *ret);
/* Ask in a thread. NULL: there can be none, use mptcp_lookup_now(). */
struct lookup *mptcp_lookup_start(const struct lookup_request *request);
/* Readable when the answer is there. The lookup owns it. */
int mptcp_lookup_fd(const struct lookup *lookup);
/* Is it there? Then take it. */
bool mptcp_lookup_take(struct lookup *lookup, struct lookup_result *ret);
/* Wait for it no longer. NULL is fine. */
void mptcp_lookup_release(struct lookup *lookup);

#endif
