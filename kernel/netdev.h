/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the links of this network namespace have carried: /proc/net/dev. */
#ifndef KERNEL_NETDEV_H
#define KERNEL_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of a link since it was made, of all that it carries. */
typedef void netdev_func(void *each_data, const char *name, uint64_t received, uint64_t sent);

/* Hand out each link. 0 or -errno; -EBADMSG: it is not what it should be. */
int netdev_each(netdev_func *each, void *each_data);
/* A line of that file, which is cut up. False: it is of no link. */
bool netdev_parse(char *line, const char **ret_name, uint64_t *ret_received, uint64_t *ret_sent);

#endif
