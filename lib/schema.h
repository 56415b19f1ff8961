/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The structures of client.h as data: how each member is called, and where it stands on the wire
 * and in JSON. Who reads a message, or writes JSON, walks these tables.
 */
#ifndef LIB_SCHEMA_H
#define LIB_SCHEMA_H

#include <mptcpctl/examine.h>
#include <mptcpctl/figures.h>

#include "events.h"

enum field_type {
	FIELD_BOOL,
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_SHARE, /* millionths on the wire, 0 to 1 in JSON */
	FIELD_DOUBLE,
	FIELD_TOKEN, /* a number on the wire, hex in JSON */
	FIELD_TIME, /* µs on the wire, seconds in JSON */
	FIELD_NAME, /* never NULL */
	FIELD_TEXT, /* "" is none, NULL */
	FIELD_STRINGS,
	FIELD_ADDR, /* an object in JSON */
	FIELD_ADDR_HERE, /* its members are those of the object around it */
	FIELD_LIST, /* of records */
	FIELD_SETTINGS, /* an object in JSON */
	FIELD_RECORD, /* a pointer to one; for JSON its owner cares */
};

enum {
	FIELD_EXTRA =
		1 << 0, /* an entry of the a{sv}; the others stand in the order of the table */
	FIELD_WIRE = 1 << 1, /* not in JSON */
	FIELD_JSON = 1 << 2, /* not on the wire */
	FIELD_ABSENT = 1 << 3, /* what is not known is left out of JSON; else it is null */
	FIELD_UNLESS = 1 << 4, /* it is not known if `known` is set */
};

/* A place in the structure. */
struct member {
	uint16_t offset, size;
};

struct field {
	const char *name; /* of the extra, and in JSON unless `json` is given */
	enum field_type type;
	struct member at;
	unsigned int flags;
	struct member
		known; /* is the value known? Any but 0 says so. An extra that came sets a bool. */
	const struct record *of; /* LIST, RECORD */
	const char *inside; /* JSON has it in an object of this name */
	const char *json;
	unsigned int only; /* of events: goes with enum event_member alone */
};

struct record {
	const char *type; /* on the wire; NULL: it is a message, and no structure in one */
	size_t size; /* of the structure, which begins with the pointer to the next in a list */
	const struct field *fields; /* ends with a NULL name */
	bool is_closed; /* has no a{sv} */
};

extern const struct record schema_status, schema_connection, schema_subflow, schema_endpoint,
	schema_limits, schema_interface, schema_policy, schema_setting, schema_explanation,
	schema_listed_explanation, schema_policy_test, schema_config, schema_path, schema_listener,
	schema_metric, schema_top;

/* An event as the bus tells it: with the place of its thing in the listing. */
struct event_told {
	struct mptcpctl_event event;
	uint64_t position;
};

/* A page of connections, counted, and where the next one begins. */
struct connection_counts {
	uint64_t multi_path, single_path, fallen_back, unhealthy, next;
};

extern const struct record schema_connection_counts;
extern const struct record schema_event; /* struct event_told */
/* By enum mptcpctl_event_type; NULL past the last. */
const struct event_kind *schema_kind(unsigned int type);

#endif
