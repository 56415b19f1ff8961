/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a D-Bus message. The first error sticks: nothing is written after it, so that only the
 * end must be checked. The counterpart of reader.h.
 */
#ifndef LIB_WRITER_H
#define LIB_WRITER_H

#include <systemd/sd-bus.h>

#include "pack.h"

struct writer {
	sd_bus_message *m;
	struct pack *pack; /* NULL, or what is written goes here, and not into the message */
	int error; /* 0 or positive; or the first negative errno */
};

/* As sd_bus_message_append(). Into a pack go y, b, q, u, t, s, structures and empty arrays. */
void writer_append(struct writer *writer, const char *types, ...);
/* A container and its end. */
void writer_open(struct writer *writer, char type, const char *contents);
void writer_close(struct writer *writer);

/* An entry of an a{sv}, whose value is of basic types. */
void writer_extra(struct writer *writer, const char *key, const char *types, ...);
/* An entry with a value of any type, which is written between the two. */
void writer_open_extra(struct writer *writer, const char *key, const char *type);
void writer_close_extra(struct writer *writer);
/* An a{sv} without entries. */
void writer_no_extras(struct writer *writer);

#endif
