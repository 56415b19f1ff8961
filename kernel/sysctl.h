/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net.mptcp.* and the few other settings of this network namespace that matter. */
#ifndef KERNEL_SYSCTL_H
#define KERNEL_SYSCTL_H

#include "event.h"

/* Read net.mptcp.`name`, without its line end. 0 or -errno; -ENOENT: this kernel has none such. */
int sysctl_read(const char *name, char *ret_value, size_t size);
/* Write net.mptcp.`name`. 0 or -errno. */
int sysctl_write(const char *name, const char *value);

/* Is net.mptcp.enabled? Returns 0 or 1, or -errno. */
int sysctl_enabled(void);
/*
 * Which path manager new connections get: net.mptcp.path_manager (Linux 6.15), else net.mptcp.pm_type
 * (5.19). PATH_MANAGER_UNKNOWN for one of another name, or if there is neither.
 */
enum path_manager sysctl_path_manager(void);
/* Choose it. 0 or -errno; -EOPNOTSUPP: this kernel knows no other; -EINVAL: PATH_MANAGER_UNKNOWN. */
int sysctl_set_path_manager(enum path_manager path_manager);
/*
 * net.mptcp.allow_join_initial_addr_port: 0 has every SYN and SYN-ACK of new connections say that
 * nobody is to join the address and port it was sent to (RFC 8684 section 3.1, the C flag). Reading
 * returns it, or -errno; writing 0 or -errno.
 */
int sysctl_allow_join_initial(void);
int sysctl_set_allow_join_initial(bool allow);
/*
 * net.ipv4.conf.`interface`.rp_filter: 0 off, 1 strict, 2 loose. Reading returns it, or -errno;
 * writing 0 or -errno.
 */
int sysctl_rp_filter(const char *interface);
int sysctl_set_rp_filter(const char *interface, int value);
/* Does net.ipv4.conf say strict reverse-path filtering for this interface? False if unknown. */
bool sysctl_rp_filter_strict(const char *interface);

#endif
