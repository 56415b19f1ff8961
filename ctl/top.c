/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `mptcpctl top`: the terminal, the keys, and a second after the other. */
#define NCURSES_NOMACROS
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "lone.h"
#include "screen.h"
#include "terminal.h"
#include "top.h"

#define SECOND_MS 1000
#define KEY_ESCAPE 27

/* ---- mptcpd ---- */

static void say(struct top *top, const char *text)
{
	size_t length = strcspn(text, "\n");

	if (length >= sizeof(top->message))
		length = sizeof(top->message) - 1;
	memcpy(top->message, text, length);
	top->message[length] = '\0';
}

static void lose(struct top *top)
{
	say(top, top->ctl->lone ? "the private mptcpd has ended: quit, and begin anew"
				: "mptcpd has gone; waiting for it to come back");
	top->ctl->is_connected = false;
	top->before_ms = top->time_ms = 0;
}

/* A private mptcpd does not come back. */
static void look_for_mptcpd(struct top *top)
{
	if (top->ctl->lone || ctl_try_connect(top->ctl) < 0)
		return;
	if (top_follow(top) < 0)
		top->ctl->is_connected = false;
	else
		top->message[0] = '\0';
}

/* Returns what is to be told of it. */
static int refresh_all(struct top *top)
{
	int r;

	if (!top->ctl->is_connected)
		look_for_mptcpd(top);
	if (!top->ctl->is_connected)
		return 0;
	r = top_ask(top, TOP_ROWS);
	if (r == -ENOTCONN)
		lose(top);
	else if (r < 0)
		say(top, mptcpctl_error(top->ctl->client));
	return r == -EOPNOTSUPP ? r : 0;
}

/* ---- keys ---- */

static void apply_filter(struct top *top)
{
	char *wrong;

	top->is_typing = false;
	if (top_set_filter(top, top->typed, &wrong) < 0) {
		say(top, wrong);
		free(wrong);
		return;
	}
	top->message[0] = '\0';
	top->selected = top->first = 0;
	refresh_all(top);
}

static void type(struct top *top, int key)
{
	size_t n = strlen(top->typed);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		apply_filter(top);
	} else if (key == KEY_ESCAPE) {
		top->is_typing = false;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		if (n)
			top->typed[n - 1] = '\0';
	} else if (key >= ' ' && key < 127 && n + 1 < sizeof(top->typed)) {
		top->typed[n] = (char)key;
		top->typed[n + 1] = '\0';
	}
}

static void sort_by(struct top *top, const char *sort)
{
	top->sort = sort;
	top->selected = top->first = 0;
	refresh_all(top);
}

static void open_selected(struct top *top)
{
	if (top->is_open || top->selected >= top->n_rows)
		return;
	top->is_open = true;
	top->is_gone = false;
	top->open = top->rows[top->selected];
}

static void go_back(struct top *top)
{
	if (top->is_helping)
		top->is_helping = false;
	else
		top->is_open = false;
	top->message[0] = '\0';
}

static void select_row(struct top *top, int by)
{
	if (by < 0)
		top->selected -= top->selected < (size_t)-by ? top->selected : (size_t)-by;
	else if (top->n_rows)
		top->selected = top->selected + (size_t)by < top->n_rows
					? top->selected + (size_t)by
					: top->n_rows - 1;
}

/* False: quit. */
static bool press(struct top *top, int key)
{
	if (top->is_typing) {
		type(top, key);
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		top->is_helping = !top->is_helping;
		break;
	case 'r':
		sort_by(top, NULL);
		break;
	case 's':
		sort_by(top, "rate-sent");
		break;
	case 'd':
		sort_by(top, "rate-received");
		break;
	case 'b':
		sort_by(top, "bytes");
		break;
	case '/':
		top->is_typing = true;
		strcpy(top->typed, top->filter.text);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
		open_selected(top);
		break;
	case KEY_ESCAPE:
	case KEY_BACKSPACE:
	case 127:
		go_back(top);
		break;
	case KEY_UP:
	case 'k':
		select_row(top, -1);
		break;
	case KEY_DOWN:
	case 'j':
		select_row(top, 1);
		break;
	case KEY_PPAGE:
		select_row(top, -10);
		break;
	case KEY_NPAGE:
		select_row(top, 10);
		break;
	default:
		break;
	}
	return true;
}

/* ---- a second after the other ---- */

/* Until then, or until something comes. */
static void wait_until(struct top *top, uint64_t until_ms)
{
	uint64_t now = clock_boot_ms();
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = top->ctl->is_connected ? mptcpctl_fd(top->ctl->client) : -1},
	};

	if (top->ctl->is_connected)
		fds[1].events = (short)mptcpctl_poll_events(top->ctl->client);
	(void)poll(fds, 2, until_ms > now ? (int)(until_ms - now) : 0);
}

static void hear_events(struct top *top)
{
	int r = 1;

	/* So many at a time: whoever makes very many is not to keep the screen. */
	for (size_t n = 0; top->ctl->is_connected && r > 0 && n < TOP_EVENTS; n++)
		r = mptcpctl_dispatch(top->ctl->client);
	if (r == -ENOTCONN)
		lose(top);
}

static int loop(struct top *top)
{
	uint64_t next_ms = clock_boot_ms();

	for (;;) {
		uint64_t now = clock_boot_ms();
		int key;

		if (now >= next_ms) {
			int r = refresh_all(top);

			if (r < 0)
				return r;
			next_ms += SECOND_MS;
			if (next_ms <= now)
				next_ms = now + SECOND_MS;
			top_draw(top);
		}
		wait_until(top, next_ms);
		hear_events(top);
		while ((key = wgetch(stdscr)) != ERR) {
			if (!press(top, key))
				return 0;
			top_draw(top);
		}
		if (!isatty(STDIN_FILENO))
			return 0; /* the terminal has gone */
	}
}

/* ---- the terminal ---- */

static SCREEN *open_screen(void)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (!screen)
		return NULL;
	set_escdelay(50);
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, true);
	nodelay(stdscr, true);
	return screen;
}

static int watch(struct top *top)
{
	SCREEN *screen = open_screen();
	int r;

	if (!screen)
		return cli_fail("the terminal cannot be opened");
	r = loop(top);
	endwin();
	delscreen(screen);
	return ctl_result(top->ctl, r);
}

int ctl_top(struct ctl *ctl, int n_args, char **args)
{
	struct top *top;
	int code;

	if (n_args)
		return cli_usage("unexpected \"%s\": top takes no arguments", args[0]);
	if (ctl->json)
		return cli_usage("top is for people: mptcpctl --json connection is for programs");
	/* A private mptcpd is begun only for a screen that can be drawn. */
	code = ctl_is_socket_named(ctl) ? ctl_connect(ctl) : EXIT_DONE;
	if (code == EXIT_DONE)
		code = terminal_check();
	if (code == EXIT_DONE)
		code = lone_connect(ctl, true);
	if (code != EXIT_DONE)
		return code;
	screen_begin();
	top = calloc(1, sizeof(*top));
	if (top) {
		top->ctl = ctl;
		top->rows = calloc(TOP_ROWS, sizeof(*top->rows));
		top->old_rows = calloc(TOP_ROWS, sizeof(*top->old_rows));
		top->events = calloc(TOP_EVENTS, sizeof(*top->events));
	}
	if (!top || !top->rows || !top->old_rows || !top->events)
		return cli_fail("out of memory");
	code = ctl_result(ctl, top_follow(top));
	if (code == EXIT_DONE)
		code = watch(top);
	free(top->events);
	free(top->old_rows);
	free(top->rows);
	free(top);
	return code;
}
