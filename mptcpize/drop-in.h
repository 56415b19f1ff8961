/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of a drop-in, and what can be read back of it. Pure. */
#ifndef MPTCPIZE_DROP_IN_H
#define MPTCPIZE_DROP_IN_H

#include "unit-file.h"

#define DROP_IN_NAME "50-mptcpize.conf"

/* How a unit's sockets become MPTCP ones. */
enum drop_in_way {
	/* A library and a setting of Go, in variables: goes on working when the vendor's unit changes. */
	DROP_IN_ENVIRONMENT,
	/* "mptcpize run" before each of its commands, which are repeated here as they were. */
	DROP_IN_RUN,
	/* SocketProtocol=mptcp */
	DROP_IN_SOCKET,
};

/* The word for it, as in the listings. */
const char *drop_in_word(enum drop_in_way way);

struct drop_in_tools {
	const char *program; /* mptcpize, */
	const char *library; /* and what it preloads: paths */
};

/*
 * The text for a unit whose files, without the drop-in itself, say this. A string to free; or NULL
 * and errno: ENOMEM, or ENOTSUP for a command that is written in a way which is not known here.
 */
char *drop_in_text(enum drop_in_way way, const struct unit_file *unit,
		   const struct drop_in_tools *tools);
/* Is a file with this text ours? Then `ret_way` says which way it is, or "mptcpize run" if lost. */
bool drop_in_is_ours(const char *text, enum drop_in_way *ret_way);

#endif
