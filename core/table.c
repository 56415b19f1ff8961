/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hash table of the core: uthash, wrapped once. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * The table doubles once a bucket holds ten entries, which is when there are two or three times as
 * many entries as buckets: first at some 600, then again and again; at 12,000 it takes 0.4 ms, at
 * 100,000 7 ms. A page of buckets: few tables ever have more than a handful of entries.
 */
#define HASH_INITIAL_NUM_BUCKETS 256U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 8U

/*
 * Keys are numbers and addresses, 4 to 24 bytes, that the kernel chose: eight at a time are mixed,
 * by the fraction of the golden ratio, where uthash's own function takes each byte apart.
 */
#define HASH_FUNCTION(key, size, value) ((value) = mix(key, size))

/* Most keys are tokens. */
#define HASH_KEYCMP(a, b, size) (!is_same(a, b, size))

#include "hot.h"
#include "table.h"

HOT static inline bool is_same(const void *a, const void *b, size_t size)
{
	uint32_t x, y;

	if (size != sizeof(x))
		return memcmp(a, b, size) == 0;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x == y;
}

HOT static unsigned int mix(const void *key, size_t size)
{
	const uint8_t *at = key;
	uint64_t sum = size, word;
	uint32_t half;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	if (size >= sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		sum = (sum ^ half) * UINT64_C(0x9e3779b97f4a7c15);
		at += sizeof(half);
		size -= sizeof(half);
	}
	while (size-- > 0)
		sum = (sum ^ *at++) * UINT64_C(0x9e3779b97f4a7c15);
	/* Of a product, the upper half depends on all bits of both. */
	return (unsigned int)(sum >> 32);
}

void table_add(struct table *table, struct table_entry *entry, const void *key, size_t size)
{
	HASH_ADD_KEYPTR(hh, table->head, key, (unsigned)size, entry);
}

void table_remove(struct table *table, struct table_entry *entry)
{
	HASH_DELETE(hh, table->head, entry);
}

HOT struct table_entry *table_find(const struct table *table, const void *key, size_t size)
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
