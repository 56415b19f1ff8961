/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads what pack.h wrote, in order. Nothing outside of it is touched, whatever it holds. */
#ifndef LIB_UNPACK_H
#define LIB_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack.h"

/* Zero it but for these two. */
struct unpack {
	const uint8_t *bytes; /* not owned; they begin at a multiple of eight */
	size_t end; /* of the container that is open */
	size_t at;
	struct {
		size_t end; /* of the container around it */
		bool is_array;
	} open[PACK_DEPTH];
	size_t depth;
};

/* As sd_bus_message_read_basic() and its kin. 0, or -EBADMSG; `type` is one of y, b, q, u, t, s. */
int unpack_basic(struct unpack *unpack, char type, void *into);
/* 1; 0: an array has no more of them. */
int unpack_enter(struct unpack *unpack, char type, const char *contents);
int unpack_exit(struct unpack *unpack);
/*
 * The key of the next entry of an a{sv}, and the type of its value, which comes next and is all that is
 * left of it. 1; 0: there are no more.
 */
int unpack_entry(struct unpack *unpack, const char **ret_key, const char **ret_type);
/* Leave out a value of the first of these types. */
int unpack_skip(struct unpack *unpack, const char *types);

#endif
