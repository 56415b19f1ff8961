/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backlog.h"

#include <stdlib.h>
#include <string.h>

struct call {
	struct call *next;
	size_t size;
	bool is_cut;
	uint8_t bytes[];
};

/* A program that has a call here. */
struct backlog_sender {
	struct backlog_sender *next; /* in the row */
	struct backlog_sender *next_alike; /* in the bucket */
	struct call *first, *last; /* owned; never empty */
	size_t size; /* what they take */
	char name[];
};

static size_t bucket_of(const char *name)
{
	size_t hash = 5381;

	for (; *name; name++)
		hash = 33 * hash + (unsigned char)*name;
	return hash % BACKLOG_BUCKETS;
}

static struct backlog_sender *find(const struct backlog *backlog, const char *name)
{
	struct backlog_sender *sender = backlog->buckets[bucket_of(name)];

	while (sender && strcmp(sender->name, name) != 0)
		sender = sender->next_alike;
	return sender;
}

static void *take_memory(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		abort();
	return memory;
}

static void append_sender(struct backlog *backlog, struct backlog_sender *sender)
{
	sender->next = NULL;
	if (backlog->last)
		backlog->last->next = sender;
	else
		backlog->first = sender;
	backlog->last = sender;
}

static struct backlog_sender *add_sender(struct backlog *backlog, const char *name)
{
	struct backlog_sender **bucket = &backlog->buckets[bucket_of(name)];
	struct backlog_sender *sender = take_memory(sizeof(*sender) + strlen(name) + 1);

	strcpy(sender->name, name);
	sender->next_alike = *bucket;
	*bucket = sender;
	append_sender(backlog, sender);
	return sender;
}

static void remove_first_sender(struct backlog *backlog)
{
	struct backlog_sender *sender = backlog->first;
	struct backlog_sender **link = &backlog->buckets[bucket_of(sender->name)];

	while (*link != sender)
		link = &(*link)->next_alike;
	*link = sender->next_alike;
	backlog->first = sender->next;
	if (!backlog->first)
		backlog->last = NULL;
	free(sender);
}

static bool has_room(const struct backlog *backlog, const struct backlog_sender *sender,
		     size_t cost, bool is_cut)
{
	size_t own = sender ? sender->size : 0, left = BACKLOG_MAX - (backlog->size - own);

	return own + cost <= left / (is_cut ? BACKLOG_REFUSED_PART : BACKLOG_PART);
}

bool backlog_put(struct backlog *backlog, const char *name, const uint8_t *bytes, size_t size,
		 bool is_cut)
{
	struct backlog_sender *sender = find(backlog, name);
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

size_t backlog_take(struct backlog *backlog, uint8_t *ret_bytes, bool *ret_is_cut)
{
	struct backlog_sender *sender = backlog->first;
	struct call *call;
	size_t size;

	if (!sender)
		return 0;
	call = sender->first;
	size = call->size;
	memcpy(ret_bytes, call->bytes, size);
	*ret_is_cut = call->is_cut;
	sender->first = call->next;
	sender->size -= size + BACKLOG_COST;
	backlog->size -= size + BACKLOG_COST;
	free(call);
	if (!sender->first) {
		remove_first_sender(backlog);
	} else if (sender->next) {
		backlog->first = sender->next;
		append_sender(backlog, sender);
	}
	return size;
}

void backlog_clear(struct backlog *backlog)
{
	while (backlog->first) {
		struct backlog_sender *sender = backlog->first;
		struct call *call;

		while ((call = sender->first)) {
			sender->first = call->next;
			free(call);
		}
		remove_first_sender(backlog);
	}
	backlog->size = 0;
}
