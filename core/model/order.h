/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the connection that came after a serial number without searching from the first one:
 * every so many of them are under one mark, and the marks are in order.
 */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct connection;

struct order_mark {
	uint64_t serial; /* none under it has a smaller one */
	struct connection *first; /* under it */
};

struct order {
	struct order_mark *marks; /* owned */
	size_t n, room;
	size_t n_last; /* connections that came under the last mark */
};

/* The newest connection of all; it is in the table. */
void order_add(struct order *order, struct connection *connection);
/* Before it leaves the table. */
void order_remove(struct order *order, const struct connection *connection);
/* The first with a serial above `serial`, or NULL. */
struct connection *order_find(const struct order *order, uint64_t serial);
void order_done(struct order *order);

#endif
