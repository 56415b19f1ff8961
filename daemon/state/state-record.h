/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records as bytes: of one connection, and of the host. Pure. Bytes are for the same
 * machine and boot only, and decoding trusts none of them.
 */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include "model.h"

/* Room for any connection; memory of its policy that does not fit as well is left out. */
#define RECORD_MAX 49152
#define RECORD_HOST_MAX 8000
#define RECORD_HOST_MORE_MAX 16
#define RECORD_ENDPOINTS_MAX 256

struct state_host {
	enum path_manager path_manager; /* net.mptcp.path_manager before us; UNKNOWN: as it is */
	enum deny_join
		deny_join; /* what net.mptcp.allow_join_initial_addr_port said; KEEP: as it is */
	bool has_limits; /* we set them: */
	struct event_limits limits_before, limits_set;
	uint8_t limits_held; /* enum engine_limit bits */
	size_t n_endpoints;
	struct event_endpoint endpoints[RECORD_ENDPOINTS_MAX]; /* that we made */
};

/* Encode what a snapshot of this connection would not tell. Returns the size. */
size_t record_encode(const struct connection *connection, uint8_t bytes[static RECORD_MAX]);
/*
 * The EVENT_SAVED_* of one record, after all of it was checked; on_event may be NULL for the check
 * alone. 0, or -EBADMSG.
 */
int record_decode(const uint8_t *bytes, size_t size, uint32_t token, uint32_t slot,
		  void (*on_event)(void *data, const struct event *event), void *data);

size_t record_encode_host(const struct state_host *host, uint8_t bytes[static RECORD_HOST_MAX]);
/* 0, or -EBADMSG, and *ret_host is as it was. */
int record_decode_host(const uint8_t *bytes, size_t size, struct state_host *ret_host);
/* What the first build did not know. Less than is there is read as nothing, more is left alone. */
size_t record_encode_host_more(const struct state_host *host,
			       uint8_t bytes[static RECORD_HOST_MORE_MAX]);
void record_decode_host_more(const uint8_t *bytes, size_t size, struct state_host *host);

#endif
