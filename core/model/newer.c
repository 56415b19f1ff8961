/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "newer.h"

#include <stdlib.h>

#include "addr.h"

/* So many are forgotten in one step. */
#define SWEEP_STEP 256

struct newer_key {
	uint32_t type; /* that of what comes, also for what went */
	uint32_t index; /* of the link or the endpoint */
	struct mptcpd_addr addr;
};

struct newer {
	struct table_entry entry; /* in model.newer, keyed by key */
	struct newer_key key;
	uint32_t mark; /* of the dump that was under way */
};

static struct newer_key make_key(const struct event *event)
{
	struct newer_key key = {.type = event->type};

	switch ((int)event->type) {
	case EVENT_LINK:
	case EVENT_LINK_GONE:
		key.type = EVENT_LINK;
		key.index = event->link.ifindex;
		break;
	case EVENT_LOCAL:
	case EVENT_LOCAL_GONE:
		key.type = EVENT_LOCAL;
		key.index = event->local.ifindex;
		key.addr = addr_host(&event->local.addr);
		break;
	case EVENT_ENDPOINT:
	case EVENT_ENDPOINT_GONE:
		key.type = EVENT_ENDPOINT;
		key.index = event->endpoint.id;
		break;
	}
	return key;
}

/* An address whose link is yet to be told of was told in vain: what the dump says of it counts again. */
static bool is_in_vain(const struct model *model, const struct event *event)
{
	return event->type == EVENT_LOCAL && !model_find_interface(model, event->local.ifindex);
}

static void note(struct table *table, const struct newer_key *key, uint32_t mark)
{
	struct newer *newer = table_owner(table_find(table, key, sizeof(*key)), struct newer);

	if (!newer) {
		newer = calloc(1, sizeof(*newer));
		if (!newer)
			abort();
		newer->key = *key;
		table_add(table, &newer->entry, &newer->key, sizeof(newer->key));
	}
	newer->mark = mark;
}

static void drop(struct table *table, const struct newer_key *key)
{
	struct newer *newer = table_owner(table_find(table, key, sizeof(*key)), struct newer);

	if (!newer)
		return;
	table_remove(table, &newer->entry);
	free(newer);
}

bool newer_overtakes(struct model *model, enum snapshot_kind kind, const struct event *event)
{
	struct table *table = &model->newer[kind == SNAPSHOT_ENDPOINTS];
	uint32_t mark = model->snapshot[kind].mark;
	const struct newer *newer;
	struct newer_key key;

	if (!model->snapshot[kind].open)
		return false;
	key = make_key(event);
	if (event->dumped) {
		newer = table_owner(table_find(table, &key, sizeof(key)), struct newer);
		return newer && newer->mark == mark;
	}
	model->snapshot[kind].again = true;
	if (is_in_vain(model, event))
		drop(table, &key);
	else
		note(table, &key, mark);
	return false;
}

bool newer_sweep(struct model *model, enum snapshot_kind kind)
{
	struct table *table = &model->newer[kind == SNAPSHOT_ENDPOINTS];
	struct table_entry *entry = NULL;

	for (size_t n = 0; n < SWEEP_STEP && (entry = table_first(table)); n++) {
		table_remove(table, entry);
		free(table_owner(entry, struct newer));
	}
	return entry != NULL;
}
