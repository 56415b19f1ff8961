/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What mptcpd tells is copied here: it is gone after each callback. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "text.h"
#include "top.h"

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}
#define COPY(to, text) copy(to, sizeof(to), text)

static void copy_addr(char to[static TOP_TEXT], const struct mptcpctl_addr *addr)
{
	char text[TEXT_ADDR_SIZE];

	copy(to, TOP_TEXT, text_addr(addr, text));
}

/* ---- rates ---- */

static void remember(struct top_history *history, uint64_t rate)
{
	history->rates[history->next++ % TOP_HISTORY] = rate;
	if (history->n < TOP_HISTORY)
		history->n++;
}

uint64_t top_history_at(const struct top_history *history, size_t seconds_ago)
{
	return seconds_ago < history->n
		       ? history->rates[(history->next - 1 - seconds_ago) % TOP_HISTORY]
		       : 0;
}

static uint64_t rate(const struct top *top, uint64_t before, uint64_t now)
{
	uint64_t ms = top->time_ms - top->before_ms;

	return now < before || !top->before_ms || !ms ? 0 : (now - before) * 1000 / ms;
}

/* Who presses a key asks anew. Rates are not of such moments, and a curve has a point a second. */
#define SOON_MS 500

/* ---- links ---- */

static struct top_link *find_link(struct top *top, const char *name)
{
	for (size_t i = 0; i < top->n_links; i++)
		if (strcmp(top->links[i].name, name) == 0)
			return &top->links[i];
	if (top->n_links == TOP_LINKS)
		return NULL;
	top->links[top->n_links] = (struct top_link){0};
	COPY(top->links[top->n_links].name, name);
	return &top->links[top->n_links++];
}

static void take_link(struct top *top, const struct mptcpctl_link *told)
{
	struct top_link *link = find_link(top, told->name);

	if (!link)
		return;
	link->works = told->works;
	COPY(link->health, told->health);
	if (top->is_soon && link->is_told)
		return;
	link->rated = link->is_told && top->before_ms;
	link->received_rate = link->rated ? rate(top, link->received, told->bytes_received) : 0;
	link->sent_rate = link->rated ? rate(top, link->sent, told->bytes_sent) : 0;
	link->received = told->bytes_received;
	link->sent = told->bytes_sent;
	link->is_told = true;
	if (link->rated)
		remember(&link->history, link->received_rate + link->sent_rate);
}

/* A link that is gone leaves the screen. */
static void drop_links(struct top *top, const struct mptcpctl_link *told)
{
	for (size_t i = top->n_links; i-- > 0;) {
		const struct mptcpctl_link *each = told;

		while (each && strcmp(each->name, top->links[i].name) != 0)
			each = each->next;
		if (!each) {
			memmove(&top->links[i], &top->links[i + 1],
				(top->n_links - i - 1) * sizeof(*top->links));
			top->n_links--;
		}
	}
}

static int on_top(void *data, const struct mptcpctl_top *told)
{
	struct top *top = data;

	top->is_soon = top->time_ms && told->time_ms - top->time_ms < SOON_MS;
	if (!top->is_soon) {
		top->before_ms = top->time_ms;
		top->time_ms = told->time_ms;
	}
	top->n_connections = told->connections;
	top->n_subflows = told->subflows;
	top->n_matching = told->matching;
	COPY(top->path_manager, told->path_manager);
	COPY(top->scheduler, told->scheduler);
	drop_links(top, told->links);
	for (const struct mptcpctl_link *link = told->links; link; link = link->next)
		take_link(top, link);
	return 0;
}

/* ---- connections ---- */

static void take_subflow(struct top_subflow *subflow, const struct mptcpctl_subflow *told)
{
	copy_addr(subflow->local, &told->local);
	copy_addr(subflow->remote, &told->remote);
	COPY(subflow->interface, told->interface);
	COPY(subflow->state, told->state);
	COPY(subflow->health, told->health);
	COPY(subflow->congestion_control, told->congestion_control);
	subflow->initial = told->initial;
	subflow->backup = told->backup || told->peer_backup;
	subflow->measured = told->measured;
	subflow->sent = told->bytes_sent;
	subflow->received = told->bytes_received;
	subflow->unsent = told->unsent_bytes;
	subflow->rtt_us = told->rtt_us;
	subflow->retransmits = told->retransmits;
}

static void take_connection(struct top_connection *connection,
			    const struct mptcpctl_connection *told)
{
	*connection = (struct top_connection){
		.token = told->token,
		.fallback = told->fallback,
		.rated = told->rated,
		.counted = told->counted,
		.has_unacknowledged = told->has_unacknowledged,
		.sent = told->bytes_sent,
		.received = told->bytes_received,
		.sent_rate = told->rate_sent,
		.received_rate = told->rate_received,
		.unacknowledged = told->unacknowledged_bytes,
		.reinjected = told->reinjected_bytes,
		.reinjections = told->reinjections,
	};
	copy_addr(connection->local, &told->local);
	copy_addr(connection->remote, &told->remote);
	COPY(connection->policy, told->policy);
	COPY(connection->state, told->state);
	COPY(connection->side, told->side);
	COPY(connection->scheduler, told->scheduler);
	for (const struct mptcpctl_subflow *subflow = told->subflows; subflow;
	     subflow = subflow->next) {
		if (connection->n_subflows < TOP_SUBFLOWS)
			take_subflow(&connection->subflows[connection->n_subflows], subflow);
		connection->n_subflows++;
	}
}

static size_t n_kept(const struct top_connection *connection)
{
	return connection->n_subflows < TOP_SUBFLOWS ? connection->n_subflows : TOP_SUBFLOWS;
}

/* As they were, with what they are reckoned from the next time. */
static void keep_rates(struct top_subflow *now, const struct top_subflow *before)
{
	now->rated = before->rated;
	now->sent = before->sent;
	now->received = before->received;
	now->sent_rate = before->sent_rate;
	now->received_rate = before->received_rate;
	now->history = before->history;
}

/* What its subflows carry, by what they had carried the time before. */
static void rate_subflows(const struct top *top, struct top_connection *now,
			  const struct top_connection *before, bool is_open)
{
	for (size_t i = 0; i < n_kept(now); i++) {
		struct top_subflow *subflow = &now->subflows[i];
		const struct top_subflow *old = NULL;

		for (size_t j = 0; before && j < n_kept(before); j++)
			if (strcmp(before->subflows[j].local, subflow->local) == 0 &&
			    strcmp(before->subflows[j].remote, subflow->remote) == 0)
				old = &before->subflows[j];
		if (!old || !old->measured || !subflow->measured)
			continue;
		if (top->is_soon) {
			keep_rates(subflow, old);
			continue;
		}
		subflow->rated = true;
		subflow->sent_rate = rate(top, old->sent, subflow->sent);
		subflow->received_rate = rate(top, old->received, subflow->received);
		subflow->history = old->history;
		if (is_open)
			remember(&subflow->history, subflow->sent_rate + subflow->received_rate);
	}
}

static int on_row(void *data, const struct mptcpctl_connection *told)
{
	struct top *top = data;

	if (top->n_rows < TOP_ROWS)
		take_connection(&top->rows[top->n_rows++], told);
	return 0;
}

static int on_open(void *data, const struct mptcpctl_connection *told)
{
	struct top *top = data;
	struct top_connection before = top->open;

	take_connection(&top->open, told);
	top->open.rated = before.counted && top->open.counted && top->before_ms;
	if (top->is_soon && before.counted) {
		top->open.rated = before.rated;
		top->open.sent = before.sent;
		top->open.received = before.received;
		top->open.sent_rate = before.sent_rate;
		top->open.received_rate = before.received_rate;
	} else if (top->open.rated) {
		top->open.sent_rate = rate(top, before.sent, top->open.sent);
		top->open.received_rate = rate(top, before.received, top->open.received);
	}
	rate_subflows(top, &top->open, &before, true);
	return 0;
}

static void rate_rows(struct top *top)
{
	for (size_t i = 0; i < top->n_rows; i++) {
		const struct top_connection *before = NULL;

		for (size_t j = 0; j < top->n_old_rows; j++)
			if (top->old_rows[j].token == top->rows[i].token)
				before = &top->old_rows[j];
		rate_subflows(top, &top->rows[i], before, false);
	}
}

int top_ask(struct top *top, uint32_t rows)
{
	const struct filter *is = &top->filter.is;
	struct mptcpctl_top_request request = {
		.rows = top->is_open ? 0 : rows,
		.sort = top->sort,
		.interface = is->interface,
		.policy = is->policy,
		.state = is->state ? filter_states[is->state - 1] : NULL,
		.to = *top->filter.to ? top->filter.to : NULL,
		.port = is->to.port,
	};
	struct top_connection *swap = top->old_rows;
	int r;

	top->old_rows = top->rows;
	top->n_old_rows = top->n_rows;
	top->rows = swap;
	top->n_rows = 0;
	r = mptcpctl_get_top(top->ctl->client, &request, on_row, on_top, top);
	if (r < 0)
		return r;
	rate_rows(top);
	if (!top->is_open || top->is_gone)
		return 0;
	r = mptcpctl_get_connection(top->ctl->client, top->open.token, on_open, top);
	top->is_gone = r == -ENOENT;
	return top->is_gone ? 0 : r;
}

/* ---- what happens ---- */

static void describe(const struct mptcpctl_event *event, char text[static TOP_LINE])
{
	char addr[TEXT_ADDR_SIZE];
	size_t n = (size_t)snprintf(text, TOP_LINE, "%s", event->name);
	const struct {
		const char *before, *text;
	} parts[] = {
		{" ", event->local.address && !event->interface_now
			      ? text_addr(&event->local, addr)
			      : NULL},
		{" dev ", event->interface ? event->interface
			  : event->interface_now ? event->interface_now->name
						 : NULL},
		{" ", event->health},
		{", because ", event->health_text},
		{event->backup || event->peer_backup ? " backup" : NULL, ""},
		{": ", event->error},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && n < TOP_LINE; i++)
		if (parts[i].before && parts[i].text)
			n += (size_t)snprintf(text + n, TOP_LINE - n, "%s%s", parts[i].before,
					      parts[i].text);
}

static int on_event(void *data, const struct mptcpctl_event *event)
{
	struct top *top = data;
	struct top_event *kept = &top->events[top->n_events % TOP_EVENTS];

	if (!event->token && !event->interface_now && event->type != MPTCPCTL_INTERFACE_REMOVED)
		return 0;
	kept->time_us = event->time_us;
	kept->token = event->token;
	describe(event, kept->text);
	top->n_events++;
	return 0;
}

int top_follow(struct top *top)
{
	return mptcpctl_follow(top->ctl->client, on_event, top);
}

/* ---- the filter ---- */

int top_set_filter(struct top *top, const char *text, char **ret_wrong)
{
	char *args[TOP_LINE / 2 + 1], host[ADDR_TEXT_SIZE], *rest;
	struct top_filter new = {0};
	struct filter *is = &new.is;
	int n_args = 0, r;

	COPY(new.text, text);
	COPY(new.words, text);
	rest = new.words;
	while ((args[n_args] = strtok_r(rest, " ", &rest)))
		n_args++;
	r = filter_parse(n_args, args, is, ret_wrong);
	if (r < 0)
		return r;
	if (is->to.family)
		snprintf(new.to, sizeof(new.to), "%s/%u", addr_format_host(&is->to, host),
			 is->prefix);
	/* Its values go with the words. */
	if (is->interface)
		is->interface = top->filter.words + (is->interface - new.words);
	if (is->policy)
		is->policy = top->filter.words + (is->policy - new.words);
	top->filter = new;
	return 0;
}
