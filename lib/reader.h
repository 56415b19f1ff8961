/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a D-Bus message into structures. The first error sticks: everything after it reads
 * nothing, so that only the end must be checked. What is read lives in an arena, or in the message.
 */
#ifndef LIB_READER_H
#define LIB_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

struct arena_chunk;

/* Memory that is given back all at once. Zero it to begin. */
struct arena {
	struct arena_chunk *chunks;
};

void arena_reset(struct arena *arena);

struct reader {
	sd_bus_message *m;
	struct arena *arena;
	int error; /* 0, or the first negative errno */
};

/* Zeroed; NULL once there is an error. */
void *reader_alloc(struct reader *reader, size_t size);
/* As sd_bus_message_read(). */
void reader_read(struct reader *reader, const char *types, ...);
/* Go into the next container. False: there is none, or an error. */
bool reader_enter(struct reader *reader, char type, const char *contents);
void reader_exit(struct reader *reader);
/* A string, NULL if it is empty. */
const char *reader_text(struct reader *reader);
bool reader_bool(struct reader *reader);
/* An "as", NULL-terminated. */
const char *const *reader_strings(struct reader *reader);

/* A key of an a{sv} that is known, and where its value goes. Of type 'b' into a bool. */
struct reader_key {
	const char *key;
	char type; /* a basic one */
	void *into;
	/* For what is no basic type: its contents, and who reads the one value of them. */
	const char *contents;
	void (*read)(struct reader *reader, void *into);
};

/* Read an a{sv}; keys that are not known, or have another type, are skipped. */
void reader_keys(struct reader *reader, const struct reader_key *keys, size_t n);

#endif
