/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listen.h"

#include <stdlib.h>

#include "addr.h"
#include "engine-private.h"

struct listener {
	struct table_entry entry; /* keyed by addr */
	struct mptcpd_addr addr;
	uint32_t ifindex;
	unsigned int users[MPTCPD_LISTEN_BESIDE + 1]; /* announcements, by enum mptcpd_listen */
	bool held;
};

static struct listener *find(const struct engine *engine, const struct mptcpd_addr *addr)
{
	return table_owner(table_find(&engine->listeners.table, addr, sizeof(*addr)),
			   struct listener);
}

static bool is_needed(const struct listener *listener, int listens)
{
	if (listens == LISTENS_HERE)
		return false;
	/* Where the kernel does not say, bind() does. */
	return listener->users[MPTCPD_LISTEN_ALWAYS] ||
	       (listener->users[MPTCPD_LISTEN_BESIDE] && listens != LISTENS_NOBODY);
}

/* Not `again`: an answer was asked for a moment ago. */
static void judge(struct engine *engine, struct listener *listener, bool again)
{
	int listens =
		engine->ops->listens(engine->kernel, &listener->addr, listener->ifindex, again);
	bool needed = is_needed(listener, listens);

	if (needed == listener->held)
		return;
	if (needed) {
		listener->held = engine->ops->listen(engine->kernel, &listener->addr,
						     listener->ifindex) == 0;
	} else {
		engine->ops->unlisten(engine->kernel, &listener->addr);
		listener->held = false;
	}
}

void listen_want(struct engine *engine, const struct mptcpd_addr *addr, uint32_t ifindex,
		 enum mptcpd_listen when)
{
	struct listener *listener = find(engine, addr);

	if (!listener) {
		listener = calloc(1, sizeof(*listener));
		if (!listener)
			abort();
		listener->addr = *addr;
		listener->ifindex = ifindex;
		table_add(&engine->listeners.table, &listener->entry, &listener->addr,
			  sizeof(listener->addr));
	}
	if (listener->users[when]++ == 0)
		judge(engine, listener, true);
}

void listen_unwant(struct engine *engine, const struct mptcpd_addr *addr, enum mptcpd_listen when)
{
	struct listener *listener = find(engine, addr);

	listener->users[when]--;
	if (listener->users[MPTCPD_LISTEN_ALWAYS])
		return;
	if (listener->users[MPTCPD_LISTEN_BESIDE]) {
		engine->listeners.dirty |= when == MPTCPD_LISTEN_ALWAYS;
		return;
	}
	if (listener->held)
		engine->ops->unlisten(engine->kernel, addr);
	table_remove(&engine->listeners.table, &listener->entry);
	free(listener);
}

void listen_settle(struct engine *engine)
{
	struct table_entry *entry;
	bool again = true;

	if (!engine->listeners.dirty)
		return;
	engine->listeners.dirty = false;
	entry = table_first(&engine->listeners.table);
	for (; entry; entry = table_next(entry), again = false)
		judge(engine, table_owner(entry, struct listener), again);
}

bool listen_is_held(const struct engine *engine, const struct mptcpd_addr *addr)
{
	const struct listener *listener = find(engine, addr);

	return listener && listener->held;
}
