/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values marshalled into memory as D-Bus does it, in the byte order of this machine, beginning at
 * a multiple of eight. What is long goes over the bus in this form, as an "ay": the bus library takes
 * a hundred times as long for every value that it is given, and that it is asked for.
 */
#ifndef LIB_PACK_H
#define LIB_PACK_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Containers within each other. */
#define PACK_DEPTH 16

/* Zero it to begin. */
struct pack {
	uint8_t *bytes; /* owned */
	size_t size, room;
	struct {
		size_t count_at, start; /* of an array; 0: another container */
	} open[PACK_DEPTH];
	size_t depth;
};

/* As sd_bus_message_appendv() and its kin, for the types that mptcpd has. 0 or -errno. */
int pack_append(struct pack *pack, const char *types, va_list args);
/* An entry of a{sv}, whole. */
int pack_extra(struct pack *pack, const char *key, const char *types, va_list args);
int pack_open(struct pack *pack, char type, const char *contents);
int pack_close(struct pack *pack);
void pack_done(struct pack *pack);

/* What a value of this type begins at a multiple of; 0: no such type. */
size_t pack_alignment(char type);
/* Where the type that comes after the first complete one begins. */
const char *pack_end_of_type(const char *types);

#endif
