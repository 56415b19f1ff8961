/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dirty.h"

#include <stdlib.h>

#define ROOM_FIRST 256

void dirty_done(struct dirty *dirty)
{
	free(dirty->tokens);
	*dirty = (struct dirty){0};
}

static void grow(struct dirty *dirty)
{
	size_t room = dirty->room ? 2 * dirty->room : ROOM_FIRST;
	uint32_t *tokens = malloc(room * sizeof(*tokens));

	if (!tokens)
		abort();
	for (size_t i = 0; i < dirty->n; i++)
		tokens[i] = dirty->tokens[(dirty->first + i) & (dirty->room - 1)];
	free(dirty->tokens);
	*dirty = (struct dirty){.tokens = tokens, .n = dirty->n, .room = room};
}

void dirty_add(struct dirty *dirty, struct connection *connection)
{
	if (connection->dirty)
		return;
	connection->dirty = true;
	if (dirty->n == dirty->room)
		grow(dirty);
	dirty->tokens[(dirty->first + dirty->n++) & (dirty->room - 1)] = connection->token;
}

struct connection *dirty_take(struct dirty *dirty, struct model *model)
{
	while (dirty->n > 0) {
		struct connection *connection =
			model_find_connection(model, dirty->tokens[dirty->first]);

		dirty->first = (dirty->first + 1) & (dirty->room - 1);
		dirty->n--;
		/* A younger one of the same token may be in it too: once is enough. */
		if (connection && connection->dirty) {
			connection->dirty = false;
			model->recent = connection;
			return connection;
		}
	}
	return NULL;
}
