/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MPTCP counters of this network namespace: /proc/net/netstat, MPTcpExt. */
#ifndef KERNEL_NETSTAT_H
#define KERNEL_NETSTAT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Read the counters of these names; 0 where this kernel has none such. 0 or -errno; -EBADMSG: it is
 * not what it should be.
 */
int netstat_read(const char *const *names, uint64_t *ret_values, size_t n);
/* The same from a text, which is cut up. */
int netstat_parse(char *text, const char *const *names, uint64_t *ret_values, size_t n);

/*
 * How often TCP waited in vain: TcpExt TCPTimeouts and TCPSynRetrans together, from the begin of the
 * file, open and kept open as `fd`. 0 or -errno.
 */
int netstat_open(void);
int netstat_unanswered(int fd, uint64_t *ret_count);

#endif
