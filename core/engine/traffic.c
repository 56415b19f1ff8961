/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_LEAST 64
/* A look that had to begin anew so often goes on to its end at once. */
#define BEGUN_MAX 4

void traffic_done(struct traffic *traffic)
{
	free(traffic->rows);
	*traffic = (struct traffic){0};
}

/* ---- the table ---- */

/* The row of this token, or the free one where it belongs. There is one. */
static struct traffic_row *find(struct traffic_row *rows, size_t room, uint32_t token)
{
	size_t i = (token * UINT32_C(2654435761)) & (room - 1);

	while (rows[i].sample && rows[i].token != token)
		i = (i + 1) & (room - 1);
	return &rows[i];
}

/* Room for twice as many as there are, without those that the last whole sample had no more. */
static void rebuild(struct traffic *traffic)
{
	struct traffic_row *old = traffic->rows, *rows;
	size_t n = 0, room = ROOM_LEAST;

	for (size_t i = 0; i < traffic->room; i++)
		n += old[i].sample && old[i].sample + 1 >= traffic->sample;
	while (room < 4 * n)
		room *= 2;
	rows = calloc(room, sizeof(*rows));
	if (!rows)
		abort();
	for (size_t i = 0; i < traffic->room; i++)
		if (old[i].sample && old[i].sample + 1 >= traffic->sample)
			*find(rows, room, old[i].token) = old[i];
	free(old);
	traffic->rows = rows;
	traffic->n_rebuilt++;
	traffic->room = room;
	traffic->n = n;
}

/* ---- samples ---- */

void traffic_begin(struct traffic *traffic, uint64_t now_ms)
{
	traffic->sample++;
	traffic->begun_ms = now_ms;
}

/* Bytes a second. A counter that went back is another connection's. */
static uint64_t rate(uint64_t before, uint64_t now, uint64_t ms)
{
	if (before == MPTCPD_BYTES_UNKNOWN || now == MPTCPD_BYTES_UNKNOWN || now < before || !ms)
		return 0;
	return (now - before) * 1000 / ms;
}

void traffic_note(struct traffic *traffic, uint32_t token, uint64_t sent, uint64_t received,
		  uint64_t now_ms)
{
	struct traffic_row *row;

	if (!traffic->begun_ms)
		return;
	if (2 * traffic->n >= traffic->room)
		rebuild(traffic);
	row = find(traffic->rows, traffic->room, token);
	if (row->sample == traffic->sample)
		return; /* a dump that began again */
	if (!row->sample) {
		traffic->n++;
		row->token = token;
	} else if (row->sample + 1 == traffic->sample) {
		row->sent_rate = rate(row->sent, sent, now_ms - row->at_ms);
		row->received_rate = rate(row->received, received, now_ms - row->at_ms);
		row->rated = sent != MPTCPD_BYTES_UNKNOWN;
	} else {
		row->sent_rate = row->received_rate = 0;
		row->rated = false;
	}
	row->sample = traffic->sample;
	row->at_ms = now_ms;
	row->sent = sent;
	row->received = received;
}

void traffic_end(struct traffic *traffic, bool whole, uint64_t now_ms)
{
	if (traffic->begun_ms && whole)
		traffic->taken_ms = now_ms;
	traffic->begun_ms = 0;
}

/* ---- the highest ---- */

static uint64_t bytes(const struct traffic_row *row)
{
	return row->sent == MPTCPD_BYTES_UNKNOWN ? 0 : row->sent + row->received;
}

static uint64_t value(const struct traffic_row *row, enum traffic_key key)
{
	switch (key) {
	case TRAFFIC_RATE:
		return row->sent_rate + row->received_rate;
	case TRAFFIC_SENT_RATE:
		return row->sent_rate;
	case TRAFFIC_RECEIVED_RATE:
		return row->received_rate;
	case TRAFFIC_BYTES:
		break;
	}
	return bytes(row);
}

/* What is the same by its value does not change places each second. */
static bool is_higher(const struct traffic_row *a, const struct traffic_row *b,
		      enum traffic_key key)
{
	if (value(a, key) != value(b, key))
		return value(a, key) > value(b, key);
	if (bytes(a) != bytes(b))
		return bytes(a) > bytes(b);
	return a->token > b->token;
}

/* A heap whose first is the lowest: the one at `i` has lost its place. */
static void sift_down(const struct traffic_row **heap, size_t n, size_t i, enum traffic_key key)
{
	for (;;) {
		size_t lowest = i;

		for (size_t child = 2 * i + 1; child < n && child <= 2 * i + 2; child++)
			if (is_higher(heap[lowest], heap[child], key))
				lowest = child;
		if (lowest == i)
			return;
		const struct traffic_row *row = heap[i];
		heap[i] = heap[lowest];
		heap[lowest] = row;
		i = lowest;
	}
}

static void sift_up(const struct traffic_row **heap, size_t i, enum traffic_key key)
{
	while (i && is_higher(heap[(i - 1) / 2], heap[i], key)) {
		const struct traffic_row *row = heap[i];

		heap[i] = heap[(i - 1) / 2];
		heap[(i - 1) / 2] = row;
		i = (i - 1) / 2;
	}
}

static void offer(struct traffic_look *look, size_t room, const struct traffic_row *row,
		  enum traffic_key key)
{
	if (look->n < room) {
		look->rows[look->n] = *row;
		look->order[look->n] = &look->rows[look->n];
		sift_up(look->order, look->n++, key);
	} else if (is_higher(row, look->order[0], key)) {
		look->rows[look->order[0] - look->rows] = *row;
		sift_down(look->order, look->n, 0, key);
	}
}

/* The lowest goes to the end, again and again. */
static void sort(struct traffic_look *look, enum traffic_key key)
{
	for (size_t left = look->n; left > 1; left--) {
		const struct traffic_row *lowest = look->order[0];

		look->order[0] = look->order[left - 1];
		look->order[left - 1] = lowest;
		sift_down(look->order, left - 1, 0, key);
	}
}

bool traffic_look_on(const struct traffic *traffic, struct traffic_look *look, enum traffic_key key,
		     bool (*is_wanted)(void *data, uint32_t token), void *data, size_t room,
		     size_t max)
{
	/* Of a sample that is under way the one before is whole. */
	uint32_t whole = traffic->sample - (traffic->begun_ms != 0);

	if (look->i && look->n_rebuilt != traffic->n_rebuilt) {
		look->i = look->n = look->n_wanted = 0;
		look->n_begun++;
	}
	look->n_rebuilt = traffic->n_rebuilt;
	for (size_t left = max; look->i < traffic->room; look->i++) {
		const struct traffic_row *row = &traffic->rows[look->i];

		if (left == 0 && look->n_begun < BEGUN_MAX)
			return false;
		left -= left > 0;
		if (!row->sample || row->sample < whole ||
		    (is_wanted && !is_wanted(data, row->token)))
			continue;
		look->n_wanted++;
		if (room)
			offer(look, room, row, key);
	}
	sort(look, key);
	return true;
}
