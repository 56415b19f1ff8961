/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present state, told as the events that would have led to it. */
#ifndef LIB_PRESENT_H
#define LIB_PRESENT_H

#include <mptcpctl/client.h>

/* As `mptcpctl monitor` writes it; NULL past the last one. */
const char *present_name(enum mptcpctl_event_type type);
/* Fill in type, name and, if it has none, the time. */
void present_stamp(struct mptcpctl_event *event, enum mptcpctl_event_type type);

typedef void present_func(void *data, enum mptcpctl_event_type type, struct mptcpctl_event *event);

void present_interface(const struct mptcpctl_interface *interface, present_func *tell, void *data);
void present_endpoint(const struct mptcpctl_endpoint *endpoint, present_func *tell, void *data);
void present_connection(const struct mptcpctl_connection *connection, present_func *tell,
			void *data);

#endif
