/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 4096

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	max_align_t bytes[];
};

void arena_reset(struct arena *arena)
{
	struct arena_chunk *chunk;

	while ((chunk = arena->chunks)) {
		arena->chunks = chunk->next;
		free(chunk);
	}
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

void reader_read(struct reader *reader, const char *types, ...)
{
	va_list args;
	int r;

	if (reader->error < 0)
		return;
	va_start(args, types);
	r = sd_bus_message_readv(reader->m, types, args);
	va_end(args);
	if (r <= 0)
		reader->error = r < 0 ? r : -EBADMSG;
}

bool reader_enter(struct reader *reader, char type, const char *contents)
{
	int r;

	if (reader->error < 0)
		return false;
	r = sd_bus_message_enter_container(reader->m, type, contents);
	if (r < 0)
		reader->error = r;
	return r > 0;
}

void reader_exit(struct reader *reader)
{
	int r;

	if (reader->error < 0)
		return;
	r = sd_bus_message_exit_container(reader->m);
	if (r < 0)
		reader->error = r;
}

const char *reader_text(struct reader *reader)
{
	const char *text = NULL;

	reader_read(reader, "s", &text);
	return text && *text ? text : NULL;
}

bool reader_bool(struct reader *reader)
{
	int value = 0;

	reader_read(reader, "b", &value);
	return value;
}

const char *const *reader_strings(struct reader *reader)
{
	size_t n = 0, room = 8;
	const char **strings = reader_alloc(reader, room * sizeof(*strings));
	const char *text;

	if (!reader_enter(reader, 'a', "s"))
		return strings;
	while (reader->error == 0) {
		int r = sd_bus_message_read(reader->m, "s", &text);

		if (r <= 0) {
			reader->error = r;
			break;
		}
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

const char *reader_peek(struct reader *reader)
{
	const char *type = NULL;
	int r;

	if (reader->error < 0)
		return "";
	r = sd_bus_message_peek_type(reader->m, NULL, &type);
	if (r < 0)
		reader->error = r;
	return type ? type : "";
}

void reader_skip(struct reader *reader, const char *types)
{
	int r;

	if (reader->error < 0)
		return;
	r = sd_bus_message_skip(reader->m, types);
	if (r < 0)
		reader->error = r;
}
