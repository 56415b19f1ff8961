/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pending.h"

#include <errno.h>
#include <stdlib.h>

#include "addr.h"
#include "clock.h"
#include "diag.h"
#include "hot.h"

/* Between two dumps. */
#define INTERVAL_MS 250

void pending_done(struct pending *pending)
{
	free(pending->subflows);
	*pending = (struct pending){0};
}

HOT void pending_outdate(struct pending *pending)
{
	pending->outdated = true;
}

static void on_syn_sent(void *data, const struct event *event)
{
	struct pending *pending = data;

	if (pending->n == pending->room) {
		size_t room = pending->room ? 2 * pending->room : 64;
		struct event *more = realloc(pending->subflows, room * sizeof(*more));

		if (!more)
			abort();
		pending->subflows = more;
		pending->room = room;
	}
	pending->subflows[pending->n++] = *event;
}

static int compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->token > y->token) - (x->token < y->token);
}

static int take(struct pending *pending, struct socket *diag, uint64_t now_ms)
{
	int r;

	pending->n = 0;
	pending->taken_ms = 0;
	r = diag_dump_syn_sent(diag, on_syn_sent, pending);
	if (r < 0)
		return r;
	qsort(pending->subflows, pending->n, sizeof(*pending->subflows), compare);
	pending->taken_ms = now_ms;
	pending->outdated = false;
	return 0;
}

/* The first of the token, or where it would be. */
static size_t first_of(const struct pending *pending, uint32_t token)
{
	size_t low = 0, high = pending->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pending->subflows[middle].token < token)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Its port, or 0. It is told once: the same pair may be asked for again, by another port then. */
static uint16_t find(struct pending *pending, uint32_t token, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote, uint32_t ifindex)
{
	for (size_t i = first_of(pending, token);
	     i < pending->n && pending->subflows[i].token == token; i++) {
		struct event_subflow *subflow = &pending->subflows[i].subflow;
		uint16_t port = subflow->local.port;

		if (port == 0 || !addr_equal_host(&subflow->local, local) ||
		    !addr_equal(&subflow->remote, remote) ||
		    (ifindex && subflow->ifindex && subflow->ifindex != ifindex))
			continue;
		subflow->local.port = 0;
		return port;
	}
	return 0;
}

int pending_find_port(struct pending *pending, struct socket *diag, uint32_t token,
		      const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		      uint32_t ifindex, uint16_t *ret_port)
{
	uint64_t now_ms = clock_boot_ms();
	bool is_due = now_ms >= pending->taken_ms + INTERVAL_MS;
	uint16_t port;

	/* What was not in SYN_SENT then, and was not made since, is not in it now. */
	if (!pending->taken_ms || (pending->outdated && is_due)) {
		int r = take(pending, diag, now_ms);

		if (r < 0)
			return r;
	}
	port = find(pending, token, local, remote, ifindex);
	if (!port)
		return pending->outdated ? -EAGAIN : -ESRCH;
	*ret_port = port;
	return 0;
}
