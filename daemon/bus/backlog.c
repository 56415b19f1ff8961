/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backlog.h"

#include <string.h>

struct call {
	struct call *next;
	size_t size;
	bool is_cut;
	uint8_t bytes[];
};

/* A program that has a call here. */
struct sender {
	struct table_entry entry;
	struct call *first, *last; /* owned; never empty */
	size_t size; /* what they take */
	char name[];
};

static void *take_memory(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

static struct sender *first_sender(const struct backlog *backlog)
{
	return table_owner(table_first(&backlog->senders), struct sender);
}

static void append_sender(struct backlog *backlog, struct sender *sender)
{
	table_add(&backlog->senders, &sender->entry, sender->name, strlen(sender->name));
}

static struct sender *add_sender(struct backlog *backlog, const char *name)
{
	struct sender *sender = take_memory(sizeof(*sender) + strlen(name) + 1);

	strcpy(sender->name, name);
	append_sender(backlog, sender);
	return sender;
}

static bool has_room(const struct backlog *backlog, const struct sender *sender, size_t cost,
		     bool is_cut)
{
	size_t own = sender ? sender->size : 0, left = BACKLOG_MAX - (backlog->size - own);

	return own + cost <= left / (is_cut ? BACKLOG_REFUSED_PART : BACKLOG_PART);
}

bool backlog_put(struct backlog *backlog, const char *name, const uint8_t *bytes, size_t size,
		 bool is_cut)
{
	struct table_entry *entry = table_find(&backlog->senders, name, strlen(name));
	struct sender *sender = table_owner(entry, struct sender);
	struct call *call;

	if (!has_room(backlog, sender, size + BACKLOG_COST, is_cut))
		return false;
	if (!sender)
		sender = add_sender(backlog, name);
	call = take_memory(sizeof(*call) + size);
	call->size = size;
	call->is_cut = is_cut;
	memcpy(call->bytes, bytes, size);
	if (sender->last)
		sender->last->next = call;
	else
		sender->first = call;
	sender->last = call;
	sender->size += size + BACKLOG_COST;
	backlog->size += size + BACKLOG_COST;
	return true;
}

static void drop_first_call(struct backlog *backlog, struct sender *sender)
{
	struct call *call = sender->first;

	sender->first = call->next;
	sender->size -= call->size + BACKLOG_COST;
	backlog->size -= call->size + BACKLOG_COST;
	free(call);
}

size_t backlog_take(struct backlog *backlog, uint8_t *ret_bytes, bool *ret_is_cut)
{
	struct sender *sender = first_sender(backlog);
	size_t size;

	if (!sender)
		return 0;
	size = sender->first->size;
	memcpy(ret_bytes, sender->first->bytes, size);
	*ret_is_cut = sender->first->is_cut;
	drop_first_call(backlog, sender);
	table_remove(&backlog->senders, &sender->entry);
	if (sender->first)
		append_sender(backlog, sender);
	else
		free(sender);
	return size;
}

void backlog_clear(struct backlog *backlog)
{
	struct sender *sender;

	while ((sender = first_sender(backlog))) {
		while (sender->first)
			drop_first_call(backlog, sender);
		table_remove(&backlog->senders, &sender->entry);
		free(sender);
	}
}
