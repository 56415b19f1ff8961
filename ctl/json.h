/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of man mptcpctl's JSON, from the structures of libmptcpctl: compact, in ASCII, and
 * written out as they come. Running out of memory aborts.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <mptcpctl/client.h>

#include "schema.h"

/* Make an object. One run is one command, so there is one at a time, until it is printed. */
void json_record(const struct record *kind, const void *data);
/* With the token of its connection. */
void json_subflow(uint32_t token, const struct mptcpctl_subflow *subflow);
/* The outcome of `endpoint flush`; `n_cut_off` connections have no subflow left, if that is known. */
void json_flush(size_t n_endpoints, bool known, size_t n_cut_off);
void json_event(const struct mptcpctl_event *event);

/* Print it on one line; no newline. */
void json_print(void);
/* Print {"NAME":OBJECT} and a newline. */
void json_print_wrapped(const char *name);

#endif
