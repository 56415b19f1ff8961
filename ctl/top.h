/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of `mptcpctl top` share this: top.c has the loop and the keys, top-data.c keeps what mptcpd
 * tells, top-draw.c draws it. top.c and top-draw.c alone know curses.
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <mptcpctl/figures.h>

#include "filter.h"

#define TOP_ROWS 64
#define TOP_SUBFLOWS 16 /* of a connection that are shown */
#define TOP_LINKS 32
#define TOP_HISTORY 60 /* seconds */
#define TOP_EVENTS 512
#define TOP_TEXT 64 /* of an address with its port, of a name */
#define TOP_LINE 192
#define TOP_MESSAGE 512 /* has room for what was typed, and for what was expected */

/* Rates of the last seconds, bytes a second; the newest at (next - 1) % TOP_HISTORY. */
struct top_history {
	uint64_t rates[TOP_HISTORY];
	size_t next, n;
};

struct top_link {
	char name[TOP_TEXT], health[16];
	bool works, is_told;
	bool rated; /* it was told twice */
	uint64_t received, sent; /* bytes, as told last, */
	uint64_t received_rate, sent_rate;
	struct top_history history; /* of both ways together */
};

struct top_subflow {
	char local[TOP_TEXT], remote[TOP_TEXT], interface[TOP_TEXT];
	char state[16], health[16], congestion_control[16];
	bool initial, backup, measured, rated;
	uint64_t sent, received, unsent; /* bytes */
	uint64_t sent_rate, received_rate;
	uint32_t rtt_us, retransmits;
	struct top_history history; /* of the one connection that is open alone */
};

struct top_connection {
	uint32_t token;
	char local[TOP_TEXT], remote[TOP_TEXT], policy[TOP_TEXT], scheduler[TOP_TEXT];
	char state[16], side[16];
	bool fallback, rated, counted, has_unacknowledged;
	uint64_t sent, received, sent_rate, received_rate;
	uint64_t unacknowledged, reinjected;
	uint32_t reinjections;
	size_t n_subflows; /* all, of which so many are kept: */
	struct top_subflow subflows[TOP_SUBFLOWS];
};

struct top_event {
	uint64_t time_us;
	uint32_t token; /* 0: of a link */
	char text[TOP_LINE];
};

/* What is to be shown. */
struct top_filter {
	char text[TOP_LINE]; /* as it was typed */
	char words[TOP_LINE]; /* … cut up: what the filter points to */
	char to[TOP_TEXT]; /* "10.9.0.0/16" */
	struct filter is;
};

struct top {
	struct ctl *ctl;
	char message[TOP_MESSAGE]; /* what went wrong, or "" */

	/* as told last */
	struct top_link links[TOP_LINKS];
	size_t n_links;
	uint64_t time_ms, before_ms; /* of links, now and the time before; 0: none */
	bool is_soon; /* asked again so soon that rates stay those of the time before */
	uint64_t n_connections, n_subflows, n_matching;
	char path_manager[TOP_TEXT], scheduler[TOP_TEXT];
	struct top_connection *rows, *old_rows; /* owned, TOP_ROWS each */
	size_t n_rows, n_old_rows;
	struct top_event *events; /* owned, TOP_EVENTS */
	size_t n_events; /* ever: the i-th is at i % TOP_EVENTS */

	/* what is looked at */
	const char *sort; /* as of struct mptcpctl_top_request */
	struct top_filter filter;
	bool is_open, is_gone; /* one connection, which has ended meanwhile */
	struct top_connection open; /* … as it is, or was */
	bool is_helping, is_typing;
	char typed[TOP_LINE];
	size_t selected; /* a row, */
	size_t first; /* and the first that is shown */
};

/* ---- top-data.c ---- */

/* Ask mptcpd for all that is shown. 0, or as of libmptcpctl. */
int top_ask(struct top *top, uint32_t rows);
/* Be told of what happens from now on. */
int top_follow(struct top *top);
/* Show what the words say. 0, or as filter_parse(): all stays as it was. */
int top_set_filter(struct top *top, const char *text, char **ret_wrong);
/* The rate so many seconds ago; 0: now. */
uint64_t top_history_at(const struct top_history *history, size_t seconds_ago);

/* ---- top-draw.c ---- */

/* Draw it all. */
void top_draw(struct top *top);

#endif
