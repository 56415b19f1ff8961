/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The screen of `mptcpctl top`. What comes from outside is cleaned before it is drawn. */
#define NCURSES_NOMACROS
#include <curses.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clean.h"
#include "screen.h"
#include "top.h"
#include "units.h"

/* A smaller window has no room for anything. */
#define LEAST_COLUMNS 40
#define LEAST_LINES 6
#define EIGHTHS 8

static const char *const bars[2][EIGHTHS + 1] = {
	{" ", " ", " ", "-", "-", "-", "=", "=", "#"},
	{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
};
static const char *const sparks[2][EIGHTHS] = {
	{"_", ".", ".", "-", "-", "=", "=", "#"},
	{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
};

/* ---- text ---- */

/* At this place, in at most so many columns. Returns how many it took. */
static int put_text(int y, int x, int room, attr_t look, const char *text)
{
	size_t fits;

	if (room <= 0 || y >= LINES)
		return 0;
	fits = screen_fit(text, (size_t)room);
	wattron(stdscr, (int)look);
	mvwaddnstr(stdscr, y, x, text, (int)fits);
	wattroff(stdscr, (int)look);
	return getcurx(stdscr) > x ? getcurx(stdscr) - x : 0;
}

static int put(int y, int x, int room, attr_t look, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static int put(int y, int x, int room, attr_t look, const char *format, ...)
{
	char line[512], *clean;
	va_list args;
	int n;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	clean = clean_text(line);
	n = put_text(y, x, room, look, clean);
	free(clean);
	return n;
}

/* So that it ends at this column. */
static void put_right(int y, int end, const char *text)
{
	int x = end - (int)screen_span(text);

	put_text(y, x < 0 ? 0 : x, end, A_NORMAL, text);
}

static void put_rate(int y, int end, bool known, uint64_t bytes_per_s)
{
	char text[UNITS_SIZE];

	put_right(y, end, known ? units_rate(bytes_per_s, text) : "-");
}

/* ---- pictures ---- */

static void put_bar(int y, int x, int width, uint64_t value, uint64_t most)
{
	bool is_utf8 = screen_is_utf8();
	uint64_t eighths = most ? value * (uint64_t)width * EIGHTHS / most : 0;

	for (int i = 0; i < width; i++, eighths -= eighths < EIGHTHS ? eighths : EIGHTHS)
		put_text(y, x + i, 1, A_NORMAL,
			 bars[is_utf8][eighths < EIGHTHS ? eighths : EIGHTHS]);
}

/* The oldest first. */
static void put_spark(int y, int x, int width, const struct top_history *history, uint64_t most)
{
	bool is_utf8 = screen_is_utf8();

	for (int i = 0; i < width; i++) {
		size_t ago = (size_t)(width - 1 - i);
		uint64_t rate = top_history_at(history, ago);
		uint64_t level = most ? rate * EIGHTHS / most : 0;

		if (ago < history->n)
			put_text(y, x + i, 1, A_NORMAL,
				 sparks[is_utf8][level < EIGHTHS ? level : EIGHTHS - 1]);
	}
}

static uint64_t highest(const struct top_history *history, uint64_t most)
{
	for (size_t i = 0; i < history->n; i++)
		if (history->rates[i] > most)
			most = history->rates[i];
	return most;
}

/* ---- what is above all ---- */

static void draw_head(const struct top *top)
{
	time_t now = time(NULL);
	struct tm tm;
	char clock[16];

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	put(0, 0, COLS - 10, A_BOLD,
	    "%s%" PRIu64 " connections, %" PRIu64 " subflows; path manager %s; scheduler %s",
	    top->ctl->lone ? "no mptcpd; " : "", top->n_connections, top->n_subflows,
	    *top->path_manager ? top->path_manager : "-", *top->scheduler ? top->scheduler : "-");
	put_right(0, COLS, clock);
}

static attr_t look_of(const struct top_link *link)
{
	return !link->works || strcmp(link->health, "silent") == 0 ? A_REVERSE : A_NORMAL;
}

/* Returns the line below. */
static int draw_links(const struct top *top, int y)
{
	int most_lines = LINES / 3 + 1, left = 12, numbers = 28, state = 9;
	int pictures = COLS - left - numbers - state, bar = pictures / 2 - 1;
	uint64_t most = 0;

	for (size_t i = 0; i < top->n_links; i++)
		most = highest(&top->links[i].history, most);
	for (size_t i = 0; i < top->n_links && (int)i < most_lines; i++, y++) {
		const struct top_link *link = &top->links[i];
		int x = left;

		put(y, 0, left - 1, A_BOLD, "%s", link->name);
		if (bar > 3) {
			put_bar(y, x, bar, link->received_rate + link->sent_rate, most);
			put_spark(y, x + bar + 1, bar, &link->history, most);
		}
		x = COLS - numbers - state;
		put_text(y, x, 2, A_NORMAL, screen_is_utf8() ? "↑" : "^");
		put_rate(y, x + 13, link->rated, link->sent_rate);
		put_text(y, x + 14, 2, A_NORMAL, screen_is_utf8() ? "↓" : "v");
		put_rate(y, x + 27, link->rated, link->received_rate);
		put(y, COLS - state, state, look_of(link), "%s",
		    !link->works		      ? "down"
		    : strcmp(link->health, "unknown") ? link->health
						      : "");
	}
	return y;
}

/* ---- connections ---- */

static void draw_columns(int y)
{
	wattron(stdscr, A_REVERSE);
	mvwhline(stdscr, y, 0, ' ', COLS);
	wattroff(stdscr, A_REVERSE);
	put(y, 0, COLS, A_REVERSE, "TOKEN     PEER");
	put(y, COLS - 46, 46, A_REVERSE, "%-10s %11s %11s %10s", "POLICY", "SENT", "RECEIVED",
	    "BYTES");
}

static void draw_connection(const struct top_connection *connection, int y, bool is_selected)
{
	attr_t look = is_selected ? A_REVERSE | A_BOLD : A_BOLD;
	char text[UNITS_SIZE];

	put(y, 0, 9, look, "%08" PRIx32, connection->token);
	put(y, 10, COLS - 57, A_BOLD, "%s%s", connection->remote,
	    connection->fallback ? " plain TCP" : "");
	put(y, COLS - 46, 10, A_NORMAL, "%s", *connection->policy ? connection->policy : "-");
	put_rate(y, COLS - 23, connection->rated, connection->sent_rate);
	put_rate(y, COLS - 11, connection->rated, connection->received_rate);
	put_right(y, COLS,
		  connection->counted ? units_bytes(connection->sent + connection->received, text)
				      : "-");
}

static uint64_t all_bytes(const struct top_connection *connection)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < TOP_SUBFLOWS && i < connection->n_subflows; i++)
		sum += connection->subflows[i].sent + connection->subflows[i].received;
	return sum;
}

static void draw_subflow(const struct top_connection *connection, const struct top_subflow *subflow,
			 int y)
{
	uint64_t sum = all_bytes(connection), own = subflow->sent + subflow->received;
	char share[UNITS_SIZE] = "", rtt[UNITS_SIZE] = "";
	bool is_up = strcmp(subflow->state, "established") == 0;

	if (subflow->measured && sum)
		units_share((uint32_t)(own * 1000000 / sum), share);
	if (subflow->measured && subflow->rtt_us)
		units_delay(subflow->rtt_us, rtt);
	put(y, 2, 10, A_NORMAL, "%s", *subflow->interface ? subflow->interface : "-");
	put(y, 13, COLS - 60, A_NORMAL, "%s", subflow->local);
	put(y, COLS - 46, 10, is_up ? A_NORMAL : A_REVERSE, "%s",
	    !is_up				     ? subflow->state
	    : strcmp(subflow->health, "silent") == 0 ? "silent"
	    : subflow->backup			     ? "backup"
						     : rtt);
	put_rate(y, COLS - 23, subflow->rated, subflow->sent_rate);
	put_rate(y, COLS - 11, subflow->rated, subflow->received_rate);
	put_right(y, COLS, share);
}

/* How many lines a row takes. */
static int height(const struct top_connection *connection)
{
	return 1 +
	       (int)(connection->n_subflows < TOP_SUBFLOWS ? connection->n_subflows : TOP_SUBFLOWS);
}

/* Have the selected row on the screen. */
static void show_selected(struct top *top, int lines)
{
	int used = 0;

	if (top->selected >= top->n_rows)
		top->selected = top->n_rows ? top->n_rows - 1 : 0;
	if (top->first > top->selected)
		top->first = top->selected;
	for (size_t i = top->selected + 1; i-- > top->first;) {
		used += height(&top->rows[i]);
		if (used > lines && i < top->selected) {
			top->first = i + 1;
			return;
		}
	}
}

static void draw_connections(struct top *top, int y)
{
	draw_columns(y++);
	show_selected(top, LINES - 1 - y);
	if (top->n_rows == 0)
		put(y, 0, COLS, A_NORMAL,
		    top->n_connections ? "no connection is as the filter says" : "no connections");
	for (size_t i = top->first; i < top->n_rows && y < LINES - 1; i++) {
		const struct top_connection *connection = &top->rows[i];

		draw_connection(connection, y++, i == top->selected);
		for (int j = 0; j < height(connection) - 1 && y < LINES - 1; j++)
			draw_subflow(connection, &connection->subflows[j], y++);
	}
}

/* ---- one connection ---- */

static int draw_facts(const struct top *top, int y)
{
	const struct top_connection *open = &top->open;
	char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE];

	put(y++, 0, COLS, A_BOLD, "%08" PRIx32 "  %s -> %s  %s %s%s%s", open->token, open->local,
	    open->remote, open->side, open->state, open->fallback ? ", plain TCP" : "",
	    top->is_gone ? ", ended" : "");
	put(y++, 0, COLS, A_NORMAL, "policy %s; scheduler %s", *open->policy ? open->policy : "-",
	    *open->scheduler ? open->scheduler : "-");
	if (open->counted)
		put(y++, 0, COLS, A_NORMAL,
		    "sent %s, received %s; sent again by MPTCP %s (%" PRIu32 " times)",
		    units_bytes(open->sent, a), units_bytes(open->received, b),
		    units_bytes(open->reinjected, c), open->reinjections);
	if (open->has_unacknowledged)
		put(y++, 0, COLS, A_NORMAL, "written and not acknowledged by the peer %s",
		    units_bytes(open->unacknowledged, a));
	return y + 1;
}

static int draw_path(const struct top_connection *open, const struct top_subflow *subflow, int y,
		     uint64_t most)
{
	char unsent[UNITS_SIZE];

	draw_subflow(open, subflow, y++);
	put(y, 4, COLS / 2, A_NORMAL, "-> %s%s%s, %" PRIu32 " sent again%s%s", subflow->remote,
	    *subflow->congestion_control ? ", " : "", subflow->congestion_control,
	    subflow->retransmits, subflow->unsent ? ", waiting " : "",
	    subflow->unsent ? units_bytes(subflow->unsent, unsent) : "");
	put_spark(y++, COLS / 2 + 6, COLS - COLS / 2 - 7, &subflow->history, most);
	return y;
}

static void draw_events(const struct top *top, int y)
{
	size_t n = top->n_events, oldest = n > TOP_EVENTS ? n - TOP_EVENTS : 0;

	put(y++, 0, COLS, A_REVERSE, "%-*s", COLS,
	    "WHAT HAPPENED since this top began, the latest first");
	for (size_t i = n; i-- > oldest && y < LINES - 1;) {
		const struct top_event *event = &top->events[i % TOP_EVENTS];
		time_t at = (time_t)(event->time_us / 1000000);
		char clock[16];
		struct tm tm;

		if (event->token && event->token != top->open.token)
			continue;
		localtime_r(&at, &tm);
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
		put(y++, 0, COLS, A_NORMAL, "%s.%03u  %s", clock,
		    (unsigned int)(event->time_us / 1000 % 1000), event->text);
	}
}

static void draw_open(const struct top *top, int y)
{
	const struct top_connection *open = &top->open;
	uint64_t most = 0;

	y = draw_facts(top, y);
	for (int i = 0; i < height(open) - 1; i++)
		most = highest(&open->subflows[i].history, most);
	for (int i = 0; i < height(open) - 1 && y < LINES - 4; i++)
		y = draw_path(open, &open->subflows[i], y, most);
	draw_events(top, y + 1);
}

/* ---- all of it ---- */

static void draw_help(int y)
{
	static const char *const lines[] = {
		"Links: what each carries, all of it and not MPTCP alone; the bar now, the curve "
		"the",
		"last minute, both against the highest rate of any link in that time.",
		"",
		"Connections: those that carry most, and their subflows: by which link, from "
		"where, the",
		"round-trip time (or that it is backup, silent, not there yet), rates, its share "
		"of the",
		"bytes. Rates are of a second; they are known when a connection was seen twice.",
		"",
		"  r      sort by rate, both ways      s  by what is sent    d  by what is "
		"received",
		"  b      sort by bytes since the connection began",
		"  /      show only: dev IF, to PREFIX, policy NAME, state STATE; nothing shows "
		"all",
		"  up, down, j, k    select           Enter  open one: its subflows and events",
		"  Esc, backspace    back             h, ?   this help              q      quit",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		put(y + (int)i, 0, COLS, A_NORMAL, "%s", lines[i]);
}

/* Its end is in the last line, however many it takes. */
static void draw_message(const char *message)
{
	char *clean = clean_text(message);
	const char *rest;
	int y = LINES;

	for (rest = clean; *rest; rest += screen_fit(rest, (size_t)COLS))
		y--;
	for (rest = clean; *rest; rest += screen_fit(rest, (size_t)COLS))
		put_text(y++, 0, COLS, A_REVERSE, rest);
	free(clean);
}

static void draw_foot(const struct top *top)
{
	int y = LINES - 1;

	if (top->is_typing)
		put(y, 0, COLS, A_BOLD, "show only (dev IF, to PREFIX, policy NAME, state S): %s_",
		    top->typed);
	else if (*top->message)
		draw_message(top->message);
	else if (top->is_open || top->is_helping)
		put(y, 0, COLS, A_NORMAL, "Esc back  h help  q quit");
	else
		put(y, 0, COLS, A_NORMAL,
		    "by %s%s%s  r s d b sort  / filter  Enter open  h help  q quit",
		    top->sort ? top->sort : "rate", *top->filter.text ? ", " : "",
		    top->filter.text);
}

void top_draw(struct top *top)
{
	int y;

	werase(stdscr);
	if (COLS < LEAST_COLUMNS || LINES < LEAST_LINES) {
		put(0, 0, COLS, A_NORMAL, "window too small");
		wrefresh(stdscr);
		return;
	}
	draw_head(top);
	y = draw_links(top, 1) + 1;
	if (top->is_helping)
		draw_help(y);
	else if (top->is_open)
		draw_open(top, y);
	else
		draw_connections(top, y);
	draw_foot(top);
	wrefresh(stdscr);
}
