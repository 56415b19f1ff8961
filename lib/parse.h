/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the wire into the structures of client.h, as schema.h describes them. */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include "reader.h"
#include "schema.h"

/* The structure that comes next. False: there is no (further) one, or an error. */
bool parse_record(struct reader *reader, const struct record *record, void *ret_record);
/* Members that stand in no structure of their own: a whole message. */
void parse_members(struct reader *reader, const struct record *record, void *ret_record);

#endif
