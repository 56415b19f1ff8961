/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one hash table of the core: entries are embedded in what they find, keep their order of
 * arrival, and are keyed by bytes that live in the entry's owner. uthash underneath,
 * wrapped here once: growing never stalls the loop for long, and running out of memory aborts.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stddef.h>

#define uthash_fatal(msg) abort()
#include <stdlib.h>
#include <uthash.h>

struct table_entry {
	UT_hash_handle hh;
};

struct table {
	struct table_entry *head;
};

/* The key's bytes must stay where they are, and as they are, while the entry is in the table. */
void table_add(struct table *table, struct table_entry *entry, const void *key, size_t size);
void table_remove(struct table *table, struct table_entry *entry);
struct table_entry *table_find(const struct table *table, const void *key, size_t size);
size_t table_count(const struct table *table);
/* In order of arrival; NULL at the end. */
struct table_entry *table_first(const struct table *table);
struct table_entry *table_next(const struct table_entry *entry);

/* The structure of `type` around an entry that is its first member, NULL for NULL. */
#define table_owner(entry, type) ((type *)(entry))

#endif
