/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of systemd's units, by systemd's own grammar. Pure. */
#ifndef MPTCPIZE_UNIT_NAME_H
#define MPTCPIZE_UNIT_NAME_H

#include <stdbool.h>

/* The longest one, with its NUL; a file's name has room for no more. */
#define UNIT_NAME_SIZE 256

enum unit_type {
	UNIT_SERVICE,
	UNIT_SOCKET,
};

/*
 * The whole name for what a person wrote: "nginx" is nginx.service. Returns 0, or -EINVAL: no unit
 * has such a name, or -EOPNOTSUPP: it is neither a service nor a socket. What passes has no slash
 * and is neither "." nor "..", so it may become a part of a path.
 */
int unit_name_complete(const char *text, char ret_name[static UNIT_NAME_SIZE],
		       enum unit_type *ret_type);
/* "foo@.service", of which instances are made. */
bool unit_name_is_template(const char *name);

#endif
