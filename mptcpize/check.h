/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets of a unit's processes are MPTCP ones. */
#ifndef MPTCPIZE_CHECK_H
#define MPTCPIZE_CHECK_H

#include "manager.h"

enum check_form {
	CHECK_LINES,
	CHECK_INDENTED, /* below a line about the unit */
	CHECK_JSON,
};

/* Print a line for each socket. Returns an exit code. */
int check_unit(struct manager *manager, const struct manager_unit *unit, enum check_form form);

#endif
