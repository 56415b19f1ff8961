/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One structure of the wire at a time, into that of client.h. False: no (further) one, or an error. */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <mptcpctl/client.h>

#include "reader.h"

struct mptcpctl_addr parse_addr(struct reader *reader);
bool parse_connection(struct reader *reader, struct mptcpctl_connection *ret_connection);
bool parse_interface(struct reader *reader, struct mptcpctl_interface *ret_interface);
bool parse_endpoint(struct reader *reader, struct mptcpctl_endpoint *ret_endpoint);
bool parse_policy(struct reader *reader, struct mptcpctl_policy *ret_policy);
bool parse_config(struct reader *reader, struct mptcpctl_config *ret_config);
/* The arrays of Explain. */
const struct mptcpctl_path *parse_paths(struct reader *reader);
const struct mptcpctl_announcement *parse_announcements(struct reader *reader);

/* An array of plugins that are set aside; `into` is a pointer to the first. */
void parse_asides(struct reader *reader, void *into);
void parse_warnings(struct reader *reader, void *into);

#endif
