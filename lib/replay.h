/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The present state, told as the events that would have led to it. */
#ifndef LIB_REPLAY_H
#define LIB_REPLAY_H

#include <mptcpctl/client.h>

/* Fill in type, name and, if it has none, the time. */
void replay_stamp(struct mptcpctl_event *event, enum mptcpctl_event_type type);

typedef void replay_func(void *data, enum mptcpctl_event_type type, struct mptcpctl_event *event);

void replay_interface(const struct mptcpctl_interface *interface, replay_func *tell, void *data);
void replay_endpoint(const struct mptcpctl_endpoint *endpoint, replay_func *tell, void *data);
void replay_connection(const struct mptcpctl_connection *connection, replay_func *tell, void *data);

#endif
