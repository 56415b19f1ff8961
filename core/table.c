/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash table of the core: uthash, wrapped once. */
#include <string.h>

/*
 * The table doubles once a bucket holds ten entries, which is when there are two or three times as
 * many entries as buckets: first at some 12,000 (0.4 ms), then again and again; at 100,000 it
 * takes 7 ms.
 */
#define HASH_INITIAL_NUM_BUCKETS 4096U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 12U

#include "table.h"

/* uthash's hash function means to fall through, and clang wants it said. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

void table_add(struct table *table, struct table_entry *entry, const void *key, size_t size)
{
	HASH_ADD_KEYPTR(hh, table->head, key, (unsigned)size, entry);
}

void table_remove(struct table *table, struct table_entry *entry)
{
	HASH_DELETE(hh, table->head, entry);
}

struct table_entry *table_find(const struct table *table, const void *key, size_t size)
{
	struct table_entry *entry = NULL;

	HASH_FIND(hh, table->head, key, (unsigned)size, entry);
	return entry;
}

size_t table_count(const struct table *table)
{
	return HASH_COUNT(table->head);
}

struct table_entry *table_first(const struct table *table)
{
	return table->head;
}

struct table_entry *table_next(const struct table_entry *entry)
{
	return entry->hh.next;
}
