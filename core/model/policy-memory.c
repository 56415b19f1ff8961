/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

/* More than any stack of plugins can ask for. */
#define MEMORY_MAX 65536

uint64_t policy_memory_layout(const struct policy *policy)
{
	uint64_t size = policy->memory_size;
	uint64_t h = checksum_add(CHECKSUM_START, policy->name, strlen(policy->name) + 1);

	h = checksum_add(h, &size, sizeof(size));
	for (size_t i = 0; i < policy->n_plugins; i++) {
		const struct policy_plugin *plugin = &policy->plugins[i];
		uint64_t offset = plugin->memory_offset;

		h = checksum_add(h, plugin->plugin->name, strlen(plugin->plugin->name) + 1);
		h = checksum_add(h, &offset, sizeof(offset));
	}
	return h;
}

static struct policy_memory *make(uint64_t layout, uint64_t size)
{
	struct policy_memory *memory = calloc(1, sizeof(*memory) + size);

	if (!memory)
		abort();
	memory->layout = layout;
	memory->size = size;
	return memory;
}

static bool is_of(const struct policy_memory *memory, uint64_t layout, uint64_t size)
{
	return memory && memory->layout == layout && memory->size == size;
}

void policy_memory_take(struct connection *connection)
{
	const struct policy *policy = connection->policy;
	uint64_t layout = policy && policy->memory_size ? policy_memory_layout(policy) : 0;

	if (layout && is_of(connection->more->memory, layout, policy->memory_size))
		return;
	free(connection->more->memory);
	if (layout || connection->more->memory)
		connection_more(connection)->memory =
			layout ? make(layout, policy->memory_size) : NULL;
}

int policy_memory_apply(struct connection *connection, const struct event_saved_memory *event)
{
	if (event->size == 0 || event->size > MEMORY_MAX || event->n > sizeof(event->bytes) ||
	    event->offset > event->size || event->n > event->size - event->offset)
		return -EINVAL;
	if (!connection->more->memory)
		connection_more(connection)->memory = make(event->layout, event->size);
	if (!is_of(connection->more->memory, event->layout, event->size))
		return -EINVAL;
	memcpy(connection->more->memory->bytes + event->offset, event->bytes, event->n);
	return 0;
}
