/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "order.h"

#include <netdb.h>
#include <stdbool.h>
#include <string.h>

/* Copy it without what the kernel does not look at; false: no address of these families. */
static bool read_address(const struct addrinfo *info, int family, struct address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!info->ai_addr || (family != AF_UNSPEC && info->ai_addr->sa_family != family))
		return false;
	if (info->ai_addr->sa_family == AF_INET && info->ai_addrlen >= sizeof(ret->in)) {
		ret->size = sizeof(ret->in);
		memcpy(&ret->in, info->ai_addr, sizeof(ret->in));
		memset(ret->in.sin_zero, 0, sizeof(ret->in.sin_zero));
	} else if (info->ai_addr->sa_family == AF_INET6 && info->ai_addrlen >= sizeof(ret->in6)) {
		ret->size = sizeof(ret->in6);
		memcpy(&ret->in6, info->ai_addr, sizeof(ret->in6));
	}
	return ret->size > 0;
}

static bool is_among(const struct address *address, const struct address *list, size_t n)
{
	while (n > 0)
		if (memcmp(&list[--n], address, sizeof(*address)) == 0)
			return true;
	return false;
}

/* From `info` on, the next address that is of the family, if `same`, or of the other one. */
static const struct addrinfo *next_of(const struct addrinfo *info, int family, bool same)
{
	while (info && (!info->ai_addr || (info->ai_addr->sa_family == family) != same))
		info = info->ai_next;
	return info;
}

size_t mptcp_order_addresses(const struct addrinfo *list, int family, struct address *ret_addresses)
{
	struct address address;
	const struct addrinfo *turn, *other;
	size_t n = 0;
	bool same = true;
	int first;

	while (list && !read_address(list, family, &address))
		list = list->ai_next;
	if (!list)
		return 0;
	first = list->ai_addr->sa_family;
	turn = list;
	other = next_of(list, first, false);
	while ((turn || other) && n < MAX_ADDRESSES) {
		const struct addrinfo *swap = other;
		bool taken = false;

		for (; turn && !taken; turn = next_of(turn->ai_next, first, same)) {
			taken = read_address(turn, family, &address) &&
				!is_among(&address, ret_addresses, n);
			if (taken)
				ret_addresses[n++] = address;
		}
		other = turn;
		turn = swap;
		same = !same;
	}
	return n;
}
