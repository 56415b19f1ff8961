/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 4096
/* The longest type of a structure. */
#define TYPE_SIZE 256

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

void arena_done(struct arena *arena)
{
	struct arena_chunk *chunk;

	while ((chunk = arena->chunks)) {
		arena->chunks = chunk->next;
		free(chunk);
	}
}

void arena_reset(struct arena *arena)
{
	/* One that is of use again, most of the time. */
	if (arena->chunks && !arena->chunks->next && arena->chunks->size == CHUNK_SIZE)
		arena->chunks->used = 0;
	else
		arena_done(arena);
}

static void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t align = sizeof(max_align_t);
	char *start;

	size = (size + align - 1) / align * align;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		*chunk = (struct arena_chunk){.next = arena->chunks, .size = room};
		arena->chunks = chunk;
	}
	start = (char *)chunk->bytes + chunk->used;
	chunk->used += size;
	return memset(start, 0, size);
}

void *reader_alloc(struct reader *reader, size_t size)
{
	void *p = reader->error < 0 ? NULL : arena_alloc(reader->arena, size);

	if (!p && reader->error == 0)
		reader->error = -ENOMEM;
	return p;
}

/* Note the first error of what gave r; is there something? */
static bool check(struct reader *reader, int r)
{
	if (r < 0)
		reader->error = r;
	return r > 0;
}

void reader_basic(struct reader *reader, char type, void *into)
{
	int r;

	if (reader->error < 0)
		return;
	if (reader->unpack)
		r = unpack_basic(reader->unpack, type, into);
	else
		r = sd_bus_message_read_basic(reader->m, type, into) > 0 ? 0 : -EBADMSG;
	check(reader, r);
}

bool reader_enter(struct reader *reader, char type, const char *contents)
{
	if (reader->error < 0)
		return false;
	return check(reader, reader->unpack
				     ? unpack_enter(reader->unpack, type, contents)
				     : sd_bus_message_enter_container(reader->m, type, contents));
}

bool reader_enter_record(struct reader *reader, const char *type)
{
	char kind = type[0] == '{' ? 'e' : 'r', contents[TYPE_SIZE];

	if (!reader->unpack)
		snprintf(contents, sizeof(contents), "%.*s", (int)strlen(type) - 2, type + 1);
	return reader_enter(reader, kind, reader->unpack ? type : contents);
}

void reader_exit(struct reader *reader)
{
	if (reader->error < 0)
		return;
	check(reader, reader->unpack ? unpack_exit(reader->unpack)
				     : sd_bus_message_exit_container(reader->m));
}

const char *reader_text(struct reader *reader)
{
	const char *text = NULL;

	reader_basic(reader, 's', &text);
	return text && *text ? text : NULL;
}

bool reader_bool(struct reader *reader)
{
	int value = 0;

	reader_basic(reader, 'b', &value);
	return value;
}

static bool has_more(struct reader *reader)
{
	if (reader->error < 0)
		return false;
	return reader->unpack ? reader->unpack->at < reader->unpack->end
			      : sd_bus_message_at_end(reader->m, false) == 0;
}

const char *const *reader_strings(struct reader *reader)
{
	size_t n = 0, room = 8;
	const char **strings = reader_alloc(reader, room * sizeof(*strings));
	const char *text;

	if (!reader_enter(reader, 'a', "s"))
		return strings;
	while (has_more(reader)) {
		reader_basic(reader, 's', &text);
		if (n + 1 == room) {
			const char **more = reader_alloc(reader, 2 * room * sizeof(*strings));

			if (!more)
				break;
			memcpy(more, strings, room * sizeof(*strings));
			strings = more;
			room *= 2;
		}
		strings[n++] = text;
	}
	reader_exit(reader);
	return strings;
}

static int enter_entry(sd_bus_message *m, const char **ret_key, const char **ret_type)
{
	int r = sd_bus_message_enter_container(m, 'e', "sv");

	if (r <= 0)
		return r;
	r = sd_bus_message_read_basic(m, 's', ret_key);
	if (r > 0)
		r = sd_bus_message_peek_type(m, NULL, ret_type);
	return r > 0 ? sd_bus_message_enter_container(m, 'v', *ret_type) : r;
}

bool reader_enter_entry(struct reader *reader, const char **ret_key, const char **ret_type)
{
	if (reader->error < 0)
		return false;
	return check(reader, reader->unpack ? unpack_entry(reader->unpack, ret_key, ret_type)
					    : enter_entry(reader->m, ret_key, ret_type));
}

void reader_skip(struct reader *reader, const char *type)
{
	if (reader->error < 0)
		return;
	check(reader, reader->unpack ? unpack_skip(reader->unpack, type)
				     : sd_bus_message_skip(reader->m, type));
}

void reader_exit_entry(struct reader *reader)
{
	if (reader->unpack)
		return; /* what is left behind has no end of its own */
	reader_exit(reader);
	reader_exit(reader);
}
