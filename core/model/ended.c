/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ended.h"

#include <stdlib.h>

/* So many are forgotten in one step. */
#define SWEEP_STEP 256

struct ended_key {
	uint32_t token;
	struct mptcpd_addr local, remote; /* family 0: the connection itself */
};

struct ended {
	struct table_entry entry; /* in model.ended, keyed by key */
	struct ended_key key;
	uint32_t mark; /* of the dump it ended in */
};

static struct ended *find(const struct model *model, const struct ended_key *key)
{
	return table_owner(table_find(&model->ended, key, sizeof(*key)), struct ended);
}

static void note(struct model *model, const struct ended_key *key)
{
	struct ended *ended;

	if (!model->snapshot[SNAPSHOT_CONNECTIONS].open)
		return;
	ended = find(model, key);
	if (!ended) {
		ended = calloc(1, sizeof(*ended));
		if (!ended)
			abort();
		ended->key = *key;
		table_add(&model->ended, &ended->entry, &ended->key, sizeof(ended->key));
	}
	ended->mark = model->snapshot[SNAPSHOT_CONNECTIONS].mark;
}

void ended_note_connection(struct model *model, const struct connection *connection)
{
	note(model, &(struct ended_key){.token = connection->token});
}

void ended_note_subflow(struct model *model, const struct connection *connection,
			const struct subflow *subflow)
{
	note(model, &(struct ended_key){connection->token, subflow->local, subflow->remote});
}

static bool has(const struct model *model, const struct ended_key *key)
{
	const struct ended *ended = find(model, key);

	return ended && ended->mark == model->snapshot[SNAPSHOT_CONNECTIONS].mark;
}

bool ended_has_connection(const struct model *model, uint32_t token)
{
	return has(model, &(struct ended_key){.token = token});
}

bool ended_has_subflow(const struct model *model, uint32_t token,
		       const struct event_subflow *record)
{
	struct ended_key key = {token, record->local, record->remote};
	bool found = has(model, &key);

	/* A subflow that was destroyed while its SYN was in flight never learned its port. */
	key.local.port = 0;
	return found || has(model, &key);
}

bool ended_sweep(struct model *model)
{
	struct table_entry *entry = NULL;

	for (size_t n = 0; n < SWEEP_STEP && (entry = table_first(&model->ended)); n++) {
		table_remove(&model->ended, entry);
		free(table_owner(entry, struct ended));
	}
	return entry != NULL;
}
