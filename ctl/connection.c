/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections as a tree with their subflows, and subflows one a line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter.h"
#include "json.h"
#include "lone.h"
#include "print.h"
#include "screen.h"
#include "text.h"
#include "units.h"

/* Rates are of the time between two looks: a person gets a second one after so long. */
#define LOOK_MS 300
/* An address id has eight bits, and a subflow is one of them and one of the peer's. */
#define SUBFLOWS_MAX 256

struct listing {
	struct ctl *ctl;
	bool has_token;
	uint32_t token; /* of the one that is to be listed */
	struct filter filter;
	bool lacks_rates; /* there are measurements, and nothing to compare them with */
};

/* ---- words ---- */

static bool is_same(const struct mptcpctl_addr *a, const struct mptcpctl_addr *b)
{
	return a->address && b->address && a->port == b->port &&
	       strcmp(a->address, b->address) == 0;
}

static void note_subflow(char *notes, size_t size, const struct mptcpctl_subflow *subflow)
{
	notes[0] = '\0';
	text_note(notes, size, subflow->initial ? "initial" : NULL);
	text_note(notes, size, subflow->backup ? "backup" : NULL);
	text_note(notes, size, subflow->peer_backup ? "peer-backup" : NULL);
	if (subflow->health && strcmp(subflow->health, "unknown") != 0)
		text_note(notes, size, subflow->health);
	text_note(notes, size, subflow->error);
}

static const char *subflow_colour(const struct mptcpctl_subflow *subflow)
{
	if (strcmp(subflow->state, "established") != 0)
		return text_state_colour(subflow->state);
	return subflow->health && strcmp(subflow->health, "unknown") != 0
		       ? text_health_colour(subflow->health)
		       : TEXT_GREEN;
}

/* ---- cells ---- */

static void cell_addr(struct grid *grid, const struct mptcpctl_addr *addr)
{
	char text[TEXT_ADDR_SIZE];

	grid_text(grid, NULL, text_addr(addr, text));
}

static void cell_age(struct grid *grid, bool known, uint64_t age_ms)
{
	char text[UNITS_SIZE] = "";

	grid_text(grid, NULL, known ? units_time(age_ms, text) : text);
}

static void cell_bytes(struct grid *grid, bool known, uint64_t bytes)
{
	char text[UNITS_SIZE] = "";

	grid_text(grid, NULL, known ? units_bytes(bytes, text) : text);
}

static void cell_number(struct grid *grid, const char *colour, uint64_t number)
{
	char text[24];

	units_digits(text, number);
	grid_text(grid, colour, text);
}

/* "0/7" */
static void cell_ids(struct grid *grid, const struct mptcpctl_subflow *subflow)
{
	char text[16], *at = units_digits(text, subflow->local_id);

	*at++ = '/';
	units_digits(at, subflow->remote_id);
	grid_text(grid, NULL, text);
}

/* SHARE, RATE, RTT, RETX */
static void cells_measured(struct grid *grid, const struct mptcpctl_subflow *subflow)
{
	char share[UNITS_SIZE] = "", rate[UNITS_SIZE] = "", rtt[UNITS_SIZE] = "";

	if (subflow->has_share)
		units_share(subflow->share, share);
	if (subflow->has_rates)
		units_rate(subflow->send_rate + subflow->receive_rate, rate);
	if (subflow->measured)
		units_delay(subflow->rtt_us, rtt);
	grid_text(grid, NULL, share);
	grid_text(grid, NULL, rate);
	grid_text(grid, NULL, rtt);
	if (subflow->measured)
		cell_number(grid, subflow->retransmits ? TEXT_YELLOW : NULL, subflow->retransmits);
	else
		grid_text(grid, NULL, "");
}

/* ---- the tree ---- */

static const struct grid_column connection_columns[] = {
	{"TOKEN"},
	{"REMOTE", .may_be_cut = true},
	{"LOCAL", .rank = 3, .may_be_cut = true},
	{"SIDE", .rank = 1},
	{"POLICY"},
	{"AGE", .is_number = true},
	{"SENT", .is_number = true},
	{"RECEIVED", .is_number = true},
	{"RATE", .rank = 2, .is_number = true},
	{"PATH-MANAGER", .rank = 4},
	{"NOTES"},
};
static const struct grid_column branch_columns[] = {
	{"  LINK"},
	{"LOCAL", .may_be_cut = true},
	{"SHARE", .is_number = true},
	{"RATE", .is_number = true},
	{"RTT", .is_number = true},
	{"RETX", .is_number = true},
	{"AGE", .rank = 1, .is_number = true},
	{"SENT", .rank = 2, .is_number = true},
	{"RECEIVED", .rank = 2, .is_number = true},
	{"ORIGIN", .rank = 3},
	{"IDS", .rank = 4},
	{"NOTES"},
};
static const struct grid_kind tree_kinds[] = {
	{connection_columns, sizeof(connection_columns) / sizeof(*connection_columns)},
	{branch_columns, sizeof(branch_columns) / sizeof(*branch_columns)},
};

static void row_connection(struct grid *grid, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *subflow;
	uint64_t sent = 0, received = 0, rate = 0;
	bool measured = false, rated = false;
	char notes[128] = "", text[UNITS_SIZE] = "";

	for (subflow = connection->subflows; subflow; subflow = subflow->next) {
		measured |= subflow->measured;
		rated |= subflow->has_rates;
		sent += subflow->bytes_sent;
		received += subflow->bytes_received;
		rate += subflow->send_rate + subflow->receive_rate;
	}
	if (strcmp(connection->state, "established") != 0)
		text_note(notes, sizeof(notes), connection->state);
	text_note(notes, sizeof(notes), connection->fallback ? "fallen back to TCP" : NULL);
	text_note(notes, sizeof(notes),
		  connection->deny_join_id0 ? "no joins to the peer's initial address" : NULL);
	grid_row(grid, 0);
	grid_cell(grid, TEXT_BOLD, "%" PRIx32, connection->token);
	cell_addr(grid, &connection->remote);
	cell_addr(grid, &connection->local);
	grid_text(grid, NULL, connection->side);
	grid_text(grid, NULL, connection->policy);
	cell_age(grid, connection->has_age, connection->age_ms);
	cell_bytes(grid, connection->counted || measured,
		   connection->counted ? connection->bytes_sent : sent);
	cell_bytes(grid, connection->counted || measured,
		   connection->counted ? connection->bytes_received : received);
	grid_text(grid, NULL, rated ? units_rate(rate, text) : "");
	grid_text(grid, NULL, connection->path_manager);
	grid_text(grid, TEXT_YELLOW, notes);
}

/* "├ eth1" */
static void cell_branch(struct grid *grid, const char *colour, bool last, const char *name)
{
	const char *line = screen_is_utf8() ? last ? "└ " : "├ " : last ? "`-" : "|-";
	char text[64];

	strncpy(stpcpy(text, line), name, sizeof(text) - 5)[sizeof(text) - 6] = '\0';
	grid_text(grid, colour, text);
}

static void row_subflow(struct grid *grid, const struct mptcpctl_connection *connection,
			const struct mptcpctl_subflow *subflow, bool last)
{
	char notes[256], remote[TEXT_ADDR_SIZE], to[TEXT_ADDR_SIZE + 8];

	note_subflow(notes, sizeof(notes), subflow);
	if (strcmp(subflow->state, "established") != 0)
		text_note(notes, sizeof(notes), subflow->state);
	if (!is_same(&subflow->remote, &connection->remote)) {
		snprintf(to, sizeof(to), "to %s", text_addr(&subflow->remote, remote));
		text_note(notes, sizeof(notes), to);
	}
	grid_row(grid, 1);
	cell_branch(grid, subflow_colour(subflow), last,
		    subflow->interface ? subflow->interface : "-");
	cell_addr(grid, &subflow->local);
	cells_measured(grid, subflow);
	cell_age(grid, subflow->has_age, subflow->age_ms);
	cell_bytes(grid, subflow->measured, subflow->bytes_sent);
	cell_bytes(grid, subflow->measured, subflow->bytes_received);
	grid_text(grid, NULL, subflow->origin);
	cell_ids(grid, subflow);
	grid_text(grid, NULL, notes);
}

static void row_address(struct grid *grid, const char *word, const struct mptcpctl_address *address,
			bool last)
{
	grid_row(grid, 1);
	cell_branch(grid, NULL, last, word);
	cell_addr(grid, &address->addr);
	for (size_t i = 2; i + 1 < tree_kinds[1].n; i++)
		grid_blank(grid);
	grid_cell(grid, NULL, "id %u", address->id);
}

/* The initial one first, then the oldest, then by id. */
static int compare_subflows(const void *a, const void *b)
{
	const struct mptcpctl_subflow *first = *(const struct mptcpctl_subflow *const *)a,
				      *second = *(const struct mptcpctl_subflow *const *)b;

	if (first->initial != second->initial)
		return second->initial - first->initial;
	if (first->age_ms != second->age_ms)
		return first->age_ms < second->age_ms ? 1 : -1;
	return first->local_id - second->local_id;
}

static size_t sort_subflows(const struct mptcpctl_connection *connection,
			    const struct mptcpctl_subflow *sorted[static SUBFLOWS_MAX])
{
	size_t n = 0;

	for (const struct mptcpctl_subflow *each = connection->subflows; each && n < SUBFLOWS_MAX;
	     each = each->next)
		sorted[n++] = each;
	if (n > 1)
		qsort(sorted, n, sizeof(*sorted), compare_subflows);
	return n;
}

static void text_connection(struct ctl *ctl, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *sorted[SUBFLOWS_MAX];
	const struct mptcpctl_address *announced = connection->announced;
	const struct mptcpctl_address *peers = connection->peer_addresses;
	size_t n = sort_subflows(connection, sorted);

	row_connection(&ctl->grid, connection);
	for (size_t i = 0; i < n; i++)
		row_subflow(&ctl->grid, connection, sorted[i], i + 1 == n && !announced && !peers);
	for (; announced; announced = announced->next)
		row_address(&ctl->grid, "announced", announced, !announced->next && !peers);
	for (; peers; peers = peers->next)
		row_address(&ctl->grid, "peer", peers, !peers->next);
}

/* ---- listings ---- */

/* Read [TOKEN] and a filter. Returns an exit code. */
static int parse(struct listing *listing, int n_args, char **args)
{
	char *wrong;
	int code = EXIT_DONE;

	if (n_args && !filter_is_word(args[0])) {
		if (ctl_parse_token(args[0], &listing->token) < 0)
			return cli_usage("\"%s\" is no token, expected hex like f1aceb40; or dev, "
					 "to, policy or state",
					 args[0]);
		listing->has_token = true;
		n_args--;
		args++;
	}
	if (filter_parse(n_args, args, &listing->filter, &wrong) < 0) {
		code = cli_usage("%s", wrong);
		free(wrong);
	}
	return code;
}

static int list(struct listing *listing,
		int (*on_connection)(void *data, const struct mptcpctl_connection *connection))
{
	struct mptcpctl *client = listing->ctl->client;

	if (listing->has_token)
		return mptcpctl_get_connection(client, listing->token, on_connection, listing);
	return mptcpctl_list_connections(client, on_connection, listing);
}

static int on_look(void *data, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *subflow = connection->subflows;
	struct listing *listing = data;

	for (; subflow && !listing->lacks_rates; subflow = subflow->next)
		listing->lacks_rates = subflow->measured && !subflow->has_rates;
	return 0;
}

/* The first look measures; what a person gets, who looks once, is the second one. */
static int look_before(struct listing *listing)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
	int r;

	if (listing->ctl->json || !listing->ctl->terminal || listing->ctl->watch_ms)
		return 0;
	r = list(listing, on_look);
	if (r == 0 && listing->lacks_rates)
		nanosleep(&pause, NULL);
	return r;
}

static int run(struct ctl *ctl, const char *name, const struct grid_kind *kinds, size_t n_kinds,
	       int n_args, char **args,
	       int (*on_connection)(void *data, const struct mptcpctl_connection *connection))
{
	struct listing listing = {.ctl = ctl};
	int r, code = parse(&listing, n_args, args);

	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code != EXIT_DONE)
		return code;
	ctl_begin_array(ctl, name);
	r = look_before(&listing);
	if (r == 0) {
		ctl_begin_grid(ctl, kinds, n_kinds);
		r = list(&listing, on_connection);
	}
	code = ctl_end_array(ctl, r);
	if (code == EXIT_DONE)
		ctl_say_none(ctl, name);
	return code;
}

static int on_connection(void *data, const struct mptcpctl_connection *connection)
{
	struct listing *listing = data;
	struct ctl *ctl = listing->ctl;

	if (!filter_connection(&listing->filter, connection))
		return 0;
	ctl->n_found++;
	if (ctl->json) {
		json_record(&schema_connection, connection);
		ctl_print_item(ctl);
	} else {
		text_connection(ctl, connection);
	}
	return 0;
}

int ctl_connection(struct ctl *ctl, int n_args, char **args)
{
	return run(ctl, "connections", tree_kinds, 2, n_args, args, on_connection);
}

/* ---- subflows, one a line ---- */

static const struct grid_column subflow_columns[] = {
	{"TOKEN"},
	{"STATE", .rank = 3},
	{"LOCAL", .may_be_cut = true},
	{"REMOTE", .may_be_cut = true},
	{"INTERFACE"},
	{"IDS", .rank = 8},
	{"ORIGIN", .rank = 6},
	{"SHARE", .rank = 1, .is_number = true},
	{"RATE", .rank = 4, .is_number = true},
	{"RTT", .rank = 2, .is_number = true},
	{"RETX", .rank = 5, .is_number = true},
	{"AGE", .rank = 7, .is_number = true},
	{"NOTES"},
};
static const struct grid_kind subflow_kind = {subflow_columns,
					      sizeof(subflow_columns) / sizeof(*subflow_columns)};

static void text_subflow(struct grid *grid, uint32_t token, const struct mptcpctl_subflow *subflow)
{
	char notes[256];

	note_subflow(notes, sizeof(notes), subflow);
	grid_row(grid, 0);
	grid_cell(grid, TEXT_BOLD, "%" PRIx32, token);
	grid_text(grid, subflow_colour(subflow), subflow->state);
	cell_addr(grid, &subflow->local);
	cell_addr(grid, &subflow->remote);
	grid_text(grid, NULL, subflow->interface);
	cell_ids(grid, subflow);
	grid_text(grid, NULL, subflow->origin);
	cells_measured(grid, subflow);
	cell_age(grid, subflow->has_age, subflow->age_ms);
	grid_text(grid, NULL, notes);
}

static int on_connection_of_subflows(void *data, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_subflow *sorted[SUBFLOWS_MAX];
	struct listing *listing = data;
	struct ctl *ctl = listing->ctl;
	size_t n = sort_subflows(connection, sorted);

	for (size_t i = 0; i < n; i++) {
		if (!filter_subflow(&listing->filter, connection, sorted[i]))
			continue;
		ctl->n_found++;
		if (ctl->json) {
			json_subflow(connection->token, sorted[i]);
			ctl_print_item(ctl);
		} else {
			text_subflow(&ctl->grid, connection->token, sorted[i]);
		}
	}
	return 0;
}

int ctl_subflow(struct ctl *ctl, int n_args, char **args)
{
	return run(ctl, "subflows", &subflow_kind, 1, n_args, args, on_connection_of_subflows);
}
