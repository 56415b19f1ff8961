/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DAEMON_CLAIM_H
#define DAEMON_CLAIM_H

#include <sys/types.h>

/*
 * Make sure that this process alone serves the runtime directory, which is made if it is missing
 * (mode 0755). Returns a descriptor that holds the claim until it is closed or the process ends.
 * -EBUSY: another mptcpd does, `ret_other` is its process id (0: not known). -ENOTSUP: its lock is
 * there as something that is no file. Or -errno.
 */
int claim_directory(const char *runtime_directory, pid_t *ret_other);

#endif
