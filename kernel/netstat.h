/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of this network namespace: /proc/net/netstat and /proc/net/snmp. */
#ifndef KERNEL_NETSTAT_H
#define KERNEL_NETSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read the counters of these names; 0 where this kernel has none such. 0 or -errno; -EBADMSG: it is
 * not what it should be.
 */
int netstat_read(const char *const *names, uint64_t *ret_values, size_t n);
/* The same from a text, which is cut up. */
int netstat_parse(char *text, const char *const *names, uint64_t *ret_values, size_t n);

/* How often TCP waited in vain. The files are kept open. */
struct netstat_unanswered {
	int segments_fd, fd; /* or -errno */
	uint64_t segments, count; /* as of the last time */
	bool known;
};

/* Also where it fails, which netstat_unanswered() tells. */
void netstat_unanswered_open(struct netstat_unanswered *unanswered);
void netstat_unanswered_close(struct netstat_unanswered *unanswered);
/*
 * TcpExt TCPTimeouts and TCPSynRetrans together, which are read only if a segment was sent again
 * since: Tcp RetransSegs stands in a file that costs the kernel a third. 0 or -errno.
 */
int netstat_unanswered(struct netstat_unanswered *unanswered, uint64_t *ret_count);

#endif
