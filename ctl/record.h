/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a model of the kernel has, as the structures of libmptcpctl, for those who write listings.
 * What only a daemon knows is unknown: there are no policies here, and nobody owns an endpoint.
 */
#ifndef CTL_RECORD_H
#define CTL_RECORD_H

#include <mptcpctl/client.h>

#include "addr.h"
#include "kernel.h"
#include "model.h"

/* Each makes a structure, hands it out, and returns what the callback returned. */
int record_connection(
	const struct model *model, struct kernel *kernel, const struct connection *connection,
	int (*on_connection)(void *data, const struct mptcpctl_connection *connection), void *data);
/* `only`: no address but this one. NULL: all of the interface. */
int record_interface(struct kernel *kernel, const struct interface *interface,
		     const struct local *only,
		     int (*on_interface)(void *data, const struct mptcpctl_interface *interface),
		     void *data);
int record_endpoint(const struct model *model, const struct endpoint *endpoint, const char *owner,
		    int (*on_endpoint)(void *data, const struct mptcpctl_endpoint *endpoint),
		    void *data);

/* `text` holds the address; family 0 is none. */
struct mptcpctl_addr record_addr(const struct mptcpd_addr *addr, char text[static ADDR_TEXT_SIZE]);

#endif
