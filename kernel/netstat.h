/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters of this network namespace: /proc/net/netstat and /proc/net/snmp. */
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

/* Each counter of MPTCP that this kernel has, in its order. 0 or -errno, as above. */
typedef void netstat_func(void *each_data, const char *name, uint64_t value);
int netstat_each(netstat_func *each, void *each_data);

/* Whether TCP's peers answer. The files are kept open. */
struct netstat_answers {
	int segments_fd, fd; /* snmp and netstat, or -errno */
};

/* Also where it fails, which netstat_answers() tells. */
void netstat_answers_open(struct netstat_answers *answers);
void netstat_answers_close(struct netstat_answers *answers);
/*
 * How often it waited in vain (TcpExt TCPTimeouts and TCPSynRetrans together), and how many segments
 * it received (Tcp InSegs), in this order: what is asked of a socket afterwards may be newer than
 * these, and never older. 0 or -errno.
 */
int netstat_answers(const struct netstat_answers *answers, uint64_t *ret_missed,
		    uint64_t *ret_heard);

#endif
