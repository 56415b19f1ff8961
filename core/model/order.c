/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"

/* Connections under one mark. */
#define STEP 128
#define ROOM_FIRST 64

static struct connection *next(const struct connection *connection)
{
	return table_owner(table_next(&connection->entry), struct connection);
}

/* The last mark that is not above `serial`; the first one, if all are. There are marks. */
static size_t find_mark(const struct order *order, uint64_t serial)
{
	size_t low = 0, high = order->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (order->marks[middle].serial <= serial)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void order_add(struct order *order, struct connection *connection)
{
	if (order->n == 0 || order->n_last == STEP) {
		if (order->n == order->room) {
			order->room = order->room ? order->room * 2 : ROOM_FIRST;
			order->marks = realloc(order->marks, order->room * sizeof(*order->marks));
			if (!order->marks)
				abort();
		}
		order->marks[order->n++] = (struct order_mark){connection->serial, connection};
		order->n_last = 0;
	}
	order->n_last++;
}

void order_remove(struct order *order, const struct connection *connection)
{
	size_t i = find_mark(order, connection->serial);
	struct order_mark *mark = &order->marks[i];
	struct connection *after = next(connection);
	bool is_last = i + 1 == order->n;

	if (mark->first != connection)
		return;
	if (after && (is_last || after->serial < mark[1].serial)) {
		mark->first = after;
		return;
	}
	memmove(mark, mark + 1, (order->n - i - 1) * sizeof(*mark));
	order->n--;
	if (is_last)
		order->n_last = STEP; /* how many are under the one before is not known */
}

struct connection *order_find(const struct order *order, uint64_t serial)
{
	struct connection *connection =
		order->n ? order->marks[find_mark(order, serial)].first : NULL;

	while (connection && connection->serial <= serial)
		connection = next(connection);
	return connection;
}

void order_done(struct order *order)
{
	free(order->marks);
	*order = (struct order){0};
}
