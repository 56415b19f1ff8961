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

#include "unpack.h"

struct arena_chunk;

/* Memory that is given back all at once. Zero it to begin. */
struct arena {
	struct arena_chunk *chunks;
};

void arena_reset(struct arena *arena);
void arena_done(struct arena *arena);

struct reader {
	sd_bus_message *m; /* owned by whoever set it */
	struct unpack *unpack; /* NULL, or what is read comes from here, and not of the message */
	struct arena *arena;
	int error; /* 0, or the first negative errno */
};

/* Zeroed; NULL once there is an error. */
void *reader_alloc(struct reader *reader, size_t size);
/* As sd_bus_message_read_basic(). */
void reader_basic(struct reader *reader, char type, void *into);
/* Go into the next container. False: there is none, or an error. */
bool reader_enter(struct reader *reader, char type, const char *contents);
/* … which is a structure or an entry of this type, with its brackets. */
bool reader_enter_record(struct reader *reader, const char *type);
void reader_exit(struct reader *reader);
/* A string, NULL if it is empty. */
const char *reader_text(struct reader *reader);
bool reader_bool(struct reader *reader);
/* An "as", NULL-terminated. */
const char *const *reader_strings(struct reader *reader);

/* Go into the next entry of an a{sv}, as far as its value, of this type. False: as reader_enter(). */
bool reader_enter_entry(struct reader *reader, const char **ret_key, const char **ret_type);
/* Leave out the value that comes next, which has this type. */
void reader_skip(struct reader *reader, const char *type);
void reader_exit_entry(struct reader *reader);

#endif
