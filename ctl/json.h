/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects of man mptcpctl's JSON, from the structures of libmptcpctl. New references. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <jansson.h>
#include <mptcpctl/client.h>

#include "schema.h"

/* The structure of this kind. */
json_t *json_record(const struct record *kind, const void *data);
/* The outcome of `endpoint flush`; `n_cut_off` connections have no subflow left, if that is known. */
json_t *json_flush(size_t n_endpoints, bool known, size_t n_cut_off);
json_t *json_event(const struct mptcpctl_event *event);

/* Set a key; takes over `value`. Running out of memory aborts. */
void json_put(json_t *object, const char *key, json_t *value);
/* "f1aceb40" */
json_t *json_token(uint32_t token);
/* Write it on one line and free it; no newline. */
void json_print(json_t *value);
/* Write {"NAME":VALUE} and a newline, and free it. */
void json_print_wrapped(const char *name, json_t *value);

#endif
