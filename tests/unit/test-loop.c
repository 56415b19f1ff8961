/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop: who is served, in which order, and what it must not depend on. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

static struct loop loop;
static GString *told; /* a letter for each that was served */

struct actor {
	struct loop_source source;
	struct loop_timer timer;
	struct loop_task task;
	char name;
};

static void note(void *data)
{
	const struct actor *actor = data;

	g_string_append_c(told, actor->name);
}

static void on_ready(void *data, int fd, uint32_t events)
{
	const struct actor *actor = data;

	g_assert_cmpint(fd, ==, actor->source.fd);
	note(data);
}

static void init(struct actor *actor, char name)
{
	*actor = (struct actor){.source = {.on_ready = on_ready, .data = actor},
				.timer = {.on_due = note, .data = actor},
				.task = {.run = note, .data = actor},
				.name = name};
}

/* Ready from the start, and for ever. */
static void watch(struct actor *actor, char name, enum loop_rank rank)
{
	init(actor, name);
	actor->source.fd = eventfd(1, EFD_CLOEXEC);
	g_assert_cmpint(actor->source.fd, >=, 0);
	g_assert_cmpint(loop_watch(&loop, &actor->source, rank, EPOLLIN), ==, 0);
}

static void unwatch(struct actor *actor)
{
	loop_unwatch(&actor->source);
	close(actor->source.fd);
}

static void turn(void)
{
	g_assert_cmpint(loop_turn(&loop), ==, 0);
}

static void set_up(void)
{
	g_assert_cmpint(loop_init(&loop), ==, 0);
	told = g_string_new("");
}

static void tear_down(void)
{
	loop_done(&loop);
	g_string_free(told, TRUE);
}

static void test_first(void)
{
	struct actor first, second, a, b, task;

	set_up();
	watch(&a, 'a', LOOP_REST);
	init(&task, 't');
	loop_put_off(&loop, &task.task);
	watch(&first, '1', LOOP_FIRST);
	watch(&b, 'b', LOOP_REST);
	watch(&second, '2', LOOP_FIRST);
	turn();
	g_assert_cmpstr(told->str, ==, "12at");
	turn();
	g_assert_cmpstr(told->str, ==, "12at12b");
	turn();
	g_assert_cmpstr(told->str, ==, "12at12b12a");
	unwatch(&first);
	unwatch(&second);
	unwatch(&a);
	unwatch(&b);
	tear_down();
}

/* The loop library's own watches end at descriptor 127. */
static void test_high_descriptors(void)
{
	struct actor actors[3];
	char name = 'a';

	set_up();
	for (size_t i = 0; i < G_N_ELEMENTS(actors); i++) {
		int low = eventfd(1, EFD_CLOEXEC);

		init(&actors[i], name++);
		actors[i].source.fd = fcntl(low, F_DUPFD_CLOEXEC, 128 + 100 * (int)i);
		g_assert_cmpint(actors[i].source.fd, >=, 128);
		close(low);
		g_assert_cmpint(loop_watch(&loop, &actors[i].source, LOOP_REST, EPOLLIN), ==, 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(actors); i++)
		turn();
	g_assert_cmpstr(told->str, ==, "abc");
	for (size_t i = 0; i < G_N_ELEMENTS(actors); i++)
		unwatch(&actors[i]);
	tear_down();
}

static void on_error(void *data, int fd, uint32_t events)
{
	*(uint32_t *)data |= events;
}

static void test_errors(void)
{
	uint32_t events = 0;
	struct loop_source source = {.on_ready = on_error, .data = &events};
	int pair[2];

	set_up();
	g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	source.fd = pair[0];
	g_assert_cmpint(loop_watch(&loop, &source, LOOP_REST, 0), ==, 0);
	/* closed with something unread: an error for who sent it */
	g_assert_cmpint(write(pair[0], "x", 1), ==, 1);
	close(pair[1]);
	turn();
	g_assert_cmpuint(events & (EPOLLERR | EPOLLHUP), ==, EPOLLERR | EPOLLHUP);
	loop_unwatch(&source);
	close(pair[0]);
	tear_down();
}

static void test_failures(void)
{
	struct actor bad;

	set_up();
	init(&bad, 'b');
	bad.source.fd = -1;
	g_assert_cmpint(loop_watch(&loop, &bad.source, LOOP_REST, EPOLLIN), ==, -EBADF);
	loop_unwatch(&bad.source);
	tear_down();
}

static void test_timers(void)
{
	struct actor late, early, never;
	uint64_t start, due;

	set_up();
	init(&late, 'l');
	init(&early, 'e');
	init(&never, 'n');
	start = loop_now_ms();
	due = start + 10;
	loop_set_timer(&loop, &late.timer, due + 5);
	loop_set_timer(&loop, &never.timer, due + 1);
	loop_set_timer(&loop, &early.timer, UINT64_MAX);
	loop_set_timer(&loop, &early.timer, due);
	loop_clear_timer(&never.timer);
	while (told->len < 1)
		turn();
	g_assert_cmpuint(loop_now_ms(), >=, due);
	while (told->len < 2)
		turn();
	g_assert_cmpuint(loop_now_ms(), >=, due + 5);
	g_assert_cmpstr(told->str, ==, "el");
	tear_down();
}

/* One that is always due must not keep the rest from being served. */
static void on_due_again(void *data)
{
	struct actor *actor = data;

	note(actor);
	loop_set_timer(&loop, &actor->timer, 0);
}

static void test_busy_timer(void)
{
	struct actor busy, other;

	set_up();
	watch(&other, 'o', LOOP_REST);
	init(&busy, 'b');
	busy.timer.on_due = on_due_again;
	loop_set_timer(&loop, &busy.timer, 0);
	turn();
	turn();
	g_assert_cmpstr(told->str, ==, "obob");
	loop_clear_timer(&busy.timer);
	unwatch(&other);
	tear_down();
}

static void test_tasks(void)
{
	struct actor a, b, c, dropped;

	set_up();
	init(&a, 'a');
	init(&b, 'b');
	init(&c, 'c');
	init(&dropped, 'd');
	loop_put_off(&loop, &a.task);
	loop_put_off(&loop, &dropped.task);
	loop_put_off(&loop, &a.task);
	loop_put_off(&loop, &b.task);
	loop_put_first(&loop, &c.task);
	loop_drop_task(&dropped.task);
	loop_drop_task(&dropped.task);
	turn();
	g_assert_cmpstr(told->str, ==, "cab");
	loop_put_off(&loop, &c.task);
	loop_put_first(&loop, &c.task);
	loop_put_off(&loop, &a.task);
	turn();
	g_assert_cmpstr(told->str, ==, "cabca");
	tear_down();
}

static void note_and_put_off(void *data)
{
	struct actor *actor = data;

	note(actor);
	loop_put_off(&loop, &actor->task);
}

/* Work that never ends takes one turn at a time, and lets who asks have one, too. */
static void test_endless_task(void)
{
	struct actor endless, other, rest;

	set_up();
	init(&endless, 'e');
	init(&other, 'o');
	endless.task.run = other.task.run = note_and_put_off;
	watch(&rest, 'r', LOOP_REST);
	loop_put_off(&loop, &endless.task);
	loop_put_off(&loop, &other.task);
	turn();
	turn();
	g_assert_cmpstr(told->str, ==, "reoreo");
	loop_drop_task(&endless.task);
	loop_drop_task(&other.task);
	unwatch(&rest);
	tear_down();
}

static void quit(void *data)
{
	loop_quit(&loop);
}

static void test_quit(void)
{
	struct loop_task task = {.run = quit};

	set_up();
	loop_put_off(&loop, &task);
	g_assert_cmpint(loop_run(&loop), ==, 0);
	tear_down();
}

/* ---- who is favoured ---- */

static int nice_values[3];

static void note_nice(void *data)
{
	*(int *)data = getpriority(PRIO_PROCESS, 0);
}

static void note_nice_of_source(void *data, int fd, uint32_t events)
{
	note_nice(data);
}

static void be_plain(void *data)
{
	loop_be_plain(&loop);
	note_nice(data);
}

static void add_source(struct loop_source *source, enum loop_rank rank, int *into)
{
	*source = (struct loop_source){.on_ready = note_nice_of_source,
				       .data = into,
				       .fd = eventfd(1, EFD_CLOEXEC)};
	g_assert_cmpint(loop_watch(&loop, source, rank, EPOLLIN), ==, 0);
}

#define NICE (-11)

static bool may_be_favoured(int plain)
{
	return setpriority(PRIO_PROCESS, 0, NICE) == 0 && setpriority(PRIO_PROCESS, 0, plain) == 0;
}

static void set_up_favour(struct loop_source *first, struct loop_source *rest)
{
	g_assert_cmpint(loop_init(&loop), ==, 0);
	add_source(first, LOOP_FIRST, &nice_values[0]);
	add_source(rest, LOOP_REST, &nice_values[1]);
	loop_favour(&loop, NICE);
}

static void tear_down_favour(struct loop_source *first, struct loop_source *rest)
{
	loop_unwatch(first);
	loop_unwatch(rest);
	close(first->fd);
	close(rest->fd);
	loop_done(&loop);
}

/* Where it may be. In each turn anew, and neither clients nor what is done for them. */
static void test_favour(void)
{
	int plain = getpriority(PRIO_PROCESS, 0);
	int favoured = may_be_favoured(plain) ? NICE : plain;
	struct loop_source first, rest;
	struct loop_task task = {.run = be_plain, .data = &nice_values[2]};

	set_up_favour(&first, &rest);
	g_assert_cmpint(getpriority(PRIO_PROCESS, 0), ==, plain);
	for (int i = 0; i < 3; i++) {
		memset(nice_values, 0x7f, sizeof(nice_values));
		loop_put_off(&loop, &task);
		g_assert_cmpint(loop_turn(&loop), ==, 0);
		g_assert_cmpint(nice_values[0], ==, favoured);
		g_assert_cmpint(nice_values[1], ==, plain);
		g_assert_cmpint(nice_values[2], ==, plain);
	}
	loop_rewatch(&rest, 0);
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	g_assert_cmpint(getpriority(PRIO_PROCESS, 0), ==, favoured);
	loop_favour(&loop, 0);
	g_assert_cmpint(getpriority(PRIO_PROCESS, 0), ==, plain);
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	g_assert_cmpint(getpriority(PRIO_PROCESS, 0), ==, plain);
	tear_down_favour(&first, &rest);
}

static void test_favour_given(void)
{
	int plain = getpriority(PRIO_PROCESS, 0);
	struct loop_source first, rest;

	if (!may_be_favoured(plain)) {
		g_test_skip("without CAP_SYS_NICE it cannot be favoured");
		return;
	}
	set_up_favour(&first, &rest);
	loop_rewatch(&rest, 0);
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	g_assert_cmpint(setpriority(PRIO_PROCESS, 0, 5), ==, 0);
	loop_rewatch(&rest, EPOLLIN);
	for (int i = 0; i < 3; i++) {
		g_assert_cmpint(loop_turn(&loop), ==, 0);
		g_assert_cmpint(nice_values[0], ==, 5);
		g_assert_cmpint(nice_values[1], ==, 5);
	}
	tear_down_favour(&first, &rest);
	g_assert_cmpint(setpriority(PRIO_PROCESS, 0, plain), ==, 0);
}

static void give_another(void *data, int fd, uint32_t events)
{
	g_assert_cmpint(setpriority(PRIO_PROCESS, 0, *(int *)data), ==, 0);
}

/* Also when it is given while a client is served. */
static void test_favour_given_to_the_plain(void)
{
	int plain = getpriority(PRIO_PROCESS, 0);
	int given = plain == 5 ? 6 : 5;
	struct loop_source first, rest;

	if (!may_be_favoured(plain)) {
		g_test_skip("without CAP_SYS_NICE it cannot be favoured");
		return;
	}
	set_up_favour(&first, &rest);
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	rest.on_ready = give_another;
	rest.data = &given;
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	rest.on_ready = note_nice_of_source;
	rest.data = &nice_values[1];
	for (int i = 0; i < 3; i++) {
		g_assert_cmpint(loop_turn(&loop), ==, 0);
		g_assert_cmpint(nice_values[0], ==, given);
		g_assert_cmpint(nice_values[1], ==, given);
	}
	tear_down_favour(&first, &rest);
	g_assert_cmpint(setpriority(PRIO_PROCESS, 0, plain), ==, 0);
}

/* Whoever has a lower value keeps it. */
static void test_favour_never_worse(void)
{
	int plain = getpriority(PRIO_PROCESS, 0);
	struct loop_source first, rest;

	set_up_favour(&first, &rest);
	loop_favour(&loop, 19);
	g_assert_cmpint(loop_turn(&loop), ==, 0);
	g_assert_cmpint(nice_values[0], ==, plain);
	g_assert_cmpint(nice_values[1], ==, plain);
	tear_down_favour(&first, &rest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/loop/order/first-rank-each-turn-and-one-of-the-rest", test_first);
	g_test_add_func("/loop/watch/any-descriptor-number", test_high_descriptors);
	g_test_add_func("/loop/watch/errors-are-told-unasked", test_errors);
	g_test_add_func("/loop/watch/failure-is-told", test_failures);
	g_test_add_func("/loop/timer/in-order-and-never-early", test_timers);
	g_test_add_func("/loop/timer/always-due-starves-nobody", test_busy_timer);
	g_test_add_func("/loop/task/each-once-in-order", test_tasks);
	g_test_add_func("/loop/task/endless-one-starves-nobody", test_endless_task);
	g_test_add_func("/loop/quit/ends-it", test_quit);
	g_test_add_func("/loop/favour/not-for-the-rest", test_favour);
	g_test_add_func("/loop/favour/what-somebody-gives-holds", test_favour_given);
	g_test_add_func("/loop/favour/what-somebody-gives-meanwhile-holds",
			test_favour_given_to_the_plain);
	g_test_add_func("/loop/favour/is-never-worse", test_favour_never_worse);
	return g_test_run();
}
