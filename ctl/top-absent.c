/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where there was no ncurses when mptcpctl was built. */
#include "ctl.h"

int ctl_top(struct ctl *ctl, int n_args, char **args)
{
	return cli_fail("this mptcpctl was built without ncurses, which top needs: mptcpctl "
			"connection lists the same");
}
