/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The structures of libmptcpctl as text for people. Programs read JSON: this may change. */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include "ctl.h"

/* "[ffff:…:ffff]:65535" */
#define TEXT_ADDR_SIZE 64

/* "10.0.0.1:80", "[2001:db8::1]:80", without the port if it is 0; "-" for none. Returns `text`. */
const char *text_addr(const struct mptcpctl_addr *addr, char text[static TEXT_ADDR_SIZE]);

void text_status(struct ctl *ctl, const struct mptcpctl_status *status);
void text_connection(struct ctl *ctl, const struct mptcpctl_connection *connection);
void text_interface(struct ctl *ctl, const struct mptcpctl_interface *interface);
void text_policy(struct ctl *ctl, const struct mptcpctl_policy *policy);
/* One path of a connection that there is not. */
void text_supposed_row(struct columns *columns, const struct mptcpctl_path *path);
void text_announcements(const struct mptcpctl_announcement *announcements);
void text_event(struct ctl *ctl, const struct mptcpctl_event *event);

void text_subflow_row(struct columns *columns, uint32_t token,
		      const struct mptcpctl_subflow *subflow);
void text_endpoint_row(struct columns *columns, const struct mptcpctl_endpoint *endpoint);
void text_path_row(struct columns *columns, const struct mptcpctl_path *path);

#endif
