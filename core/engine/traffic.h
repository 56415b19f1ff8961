/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much each connection carries now: what two snapshots of all connections say, some time apart.
 * It is kept only while somebody looks, beside the model, so that a connection takes no more for it;
 * and sorted only as far as it is shown.
 */
#ifndef CORE_TRAFFIC_H
#define CORE_TRAFFIC_H

#include "model.h"

struct traffic_row {
	uint32_t token;
	uint32_t sample; /* the last one that it was in; 0: nothing is here */
	uint64_t at_ms; /* when it was read there */
	uint64_t sent, received; /* bytes; MPTCPD_BYTES_UNKNOWN where the kernel does not count */
	uint64_t sent_rate, received_rate; /* bytes a second; 0 as long as it was in one sample */
	bool rated; /* it was in two */
};

/* An open table: a row is near the place of its token. Zero it to begin. */
struct traffic {
	struct traffic_row *rows; /* owned */
	size_t room; /* a power of two, or 0 */
	size_t n; /* rows in use, those of connections that are gone included */
	uint32_t n_rebuilt; /* how often it was made anew */
	uint32_t sample; /* the number of the one under way, or the last */
	uint64_t read_ms; /* when somebody asked last; 0: nobody looks */
	uint64_t taken_ms; /* when the last sample was whole; 0: none is */
	uint64_t begun_ms; /* … or the one that is under way began; 0: none is */
};

enum traffic_key {
	TRAFFIC_RATE, /* both ways together */
	TRAFFIC_SENT_RATE,
	TRAFFIC_RECEIVED_RATE,
	TRAFFIC_BYTES, /* both ways, since it began */
};

void traffic_done(struct traffic *traffic);
/* A snapshot of all connections begins, tells one, or has ended: whole, or not. */
void traffic_begin(struct traffic *traffic, uint64_t now_ms);
void traffic_note(struct traffic *traffic, uint32_t token, uint64_t sent, uint64_t received,
		  uint64_t now_ms);
void traffic_end(struct traffic *traffic, bool whole, uint64_t now_ms);
/* A look for the rows with the highest values, which may take some calls. Zero it to begin. */
#define TRAFFIC_LOOK_MAX 64

struct traffic_look {
	size_t i; /* how far it has come */
	uint32_t n_rebuilt; /* the table that it is in */
	unsigned int n_begun; /* how often it had to begin anew */
	size_t n_wanted; /* how many were */
	size_t n; /* rows that it has found, the highest first when it is done: copies, in `rows` */
	const struct traffic_row *order[TRAFFIC_LOOK_MAX];
	struct traffic_row rows[TRAFFIC_LOOK_MAX];
};

/*
 * Go on with it through so much of the table. Of those that `is_wanted` says yes to (NULL: all) the
 * highest `room` are found. False: there is more to look through. The arguments stay the same.
 */
bool traffic_look_on(const struct traffic *traffic, struct traffic_look *look, enum traffic_key key,
		     bool (*is_wanted)(void *data, uint32_t token), void *data, size_t room,
		     size_t max);

#endif
