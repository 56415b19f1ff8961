/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose call over the system bus is next. */
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"

/* Of a header, and of its one field: code and type, then the length of the text. */
#define HEADER 16
#define FIELD 8
/* What the broker lets one user have. */
#define PROGRAMS 256
#define SHARE (BACKLOG_MAX / BACKLOG_PART)

static struct {
	struct intake intake;
	int broker; /* writes to the intake */
	int input; /* sd-bus's end */
} scene;

/* ---- what the broker hands on ---- */

static void set_up(void)
{
	int pair[2], size = 1 << 20;
	uint8_t bytes[64];

	g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	g_assert_no_errno(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	scene.broker = pair[0];
	g_assert_cmpint(intake_init(&scene.intake, pair[1], true, 0, &scene.input), ==, 0);
	g_assert_cmpint(write(scene.broker, "OK 1234\r\n", 9), ==, 9);
	g_assert_cmpint(intake_feed(&scene.intake, 0), ==, 1);
	g_assert_cmpint(read(scene.input, bytes, sizeof(bytes)), ==, 9);
}

static void tear_down(void)
{
	intake_done(&scene.intake);
	close(scene.broker);
	close(scene.input);
}

/* A message of this type and number; the body is zero. */
static void say(uint8_t type, uint32_t serial, const char *sender, uint32_t body)
{
	uint8_t bytes[2 * INTAKE_MAX] = {'l', type, 0, 1};
	uint32_t length = (uint32_t)strlen(sender), fields = FIELD + length + 1;
	size_t bare = (HEADER + fields + 7) & ~7U;

	memcpy(bytes + 4, &body, 4);
	memcpy(bytes + 8, &serial, 4);
	memcpy(bytes + 12, &fields, 4);
	memcpy(bytes + HEADER, "\7\1s", 4);
	memcpy(bytes + HEADER + 4, &length, 4);
	memcpy(bytes + HEADER + FIELD, sender, length);
	g_assert_cmpint(write(scene.broker, bytes, bare + body), ==, bare + body);
}

static void call(uint32_t serial, const char *sender)
{
	say(1, serial, sender, 0);
}

/* The number of the message that sd-bus is fed next; 0: none. */
static uint32_t next(void)
{
	uint8_t bytes[INTAKE_MAX];
	uint32_t serial;

	if (intake_feed(&scene.intake, 0) == 0)
		return 0;
	g_assert_cmpint(read(scene.input, bytes, sizeof(bytes)), >=, HEADER);
	memcpy(&serial, bytes + 8, 4);
	return serial;
}

/* ---- tests ---- */

static void test_turns(void)
{
	static const uint32_t order[] = {1, 101, 201, 2, 102, 3, 4, 5, 0};

	set_up();
	for (uint32_t i = 1; i <= 5; i++)
		call(i, ":1.1");
	call(101, ":1.2");
	call(102, ":1.2");
	call(201, ":1.3");
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		g_assert_cmpuint(next(), ==, order[i]);
	tear_down();
}

/* However many more there are than are kept. */
static void test_many(void)
{
	uint32_t before = 0;

	set_up();
	for (uint32_t i = 1; i <= 1000; i++)
		call(i, i % 2 ? ":1.1" : ":1.2");
	call(5000, ":1.3");
	while (next() != 5000)
		before++;
	g_assert_cmpuint(before, <=, 10);
	tear_down();
}

/* What we asked the broker, or polkit, is not asked by somebody else. */
static void test_answers(void)
{
	set_up();
	for (uint32_t i = 1; i <= 5; i++)
		call(i, ":1.1");
	say(2, 100, "org.freedesktop.DBus", 0);
	say(4, 101, "org.freedesktop.DBus", 0);
	g_assert_cmpuint(next(), ==, 100);
	g_assert_cmpuint(next(), ==, 101);
	g_assert_cmpuint(next(), ==, 1);
	tear_down();
}

/* One that has too many is told so, when it is its turn, and costs nobody else one. */
static void test_too_many(void)
{
	uint32_t whole = 0, cut = 0, serial;

	set_up();
	for (uint32_t i = 1; i <= 30; i++)
		say(1, i, ":1.1", i == 7 ? INTAKE_MAX : 8000);
	call(500, ":1.2");
	call(501, ":1.2");
	while ((serial = next())) {
		if (serial < 500)
			*(scene.intake.is_cut ? &cut : &whole) += 1;
		else
			g_assert_cmpuint(whole + cut, <=,
					 6); /* some are fed before all have come */
	}
	g_assert_cmpuint(whole, >=, SHARE / (8000 + BACKLOG_COST));
	g_assert_cmpuint(whole, <=, 10);
	g_assert_cmpuint(whole + cut, ==, 30);
	tear_down();
}

/* The end of the broker is the end of all that came by it. */
static void test_end(void)
{
	uint8_t byte;

	set_up();
	for (uint32_t i = 1; i <= 5; i++)
		call(i, ":1.1");
	g_assert_no_errno(shutdown(scene.broker, SHUT_WR));
	g_assert_cmpint(intake_feed(&scene.intake, 0), ==, 1);
	g_assert_cmpint(read(scene.input, &byte, 1), ==, 0);
	g_assert_cmpint(intake_feed(&scene.intake, 0), ==, 0);
	tear_down();
}

/* ---- how much ---- */

/* As many as fit, of all sizes. */
static void fill(struct backlog *backlog, const char *name)
{
	static const size_t sizes[] = {INTAKE_MAX, 1000, 100, 1};
	static const uint8_t bytes[INTAKE_MAX];

	for (size_t i = 0; i < 2 * G_N_ELEMENTS(sizes); i++)
		while (backlog_put(backlog, name, bytes, sizes[i / 2], i % 2))
			;
}

static void test_bounds(void)
{
	uint8_t bytes[INTAKE_MAX] = {0};
	struct backlog backlog = {0};
	char name[16];
	bool is_cut;

	fill(&backlog, ":1.0");
	g_assert_cmpuint(backlog.size, <=, BACKLOG_MAX / BACKLOG_REFUSED_PART);
	g_assert_cmpuint(backlog.size, >, SHARE);
	for (size_t i = 1; i < PROGRAMS; i++) {
		g_snprintf(name, sizeof(name), ":1.%zu", i);
		fill(&backlog, name);
	}
	g_assert_cmpuint(backlog.size, <=, BACKLOG_MAX);
	g_assert_true(backlog_put(&backlog, ":2.1", bytes, INTAKE_MAX, false));
	while (backlog_take(&backlog, bytes, &is_cut) > 0)
		;
	g_assert_cmpuint(backlog.size, ==, 0);
	fill(&backlog, ":1.1");
	backlog_clear(&backlog);
	g_assert_cmpuint(backlog_take(&backlog, bytes, &is_cut), ==, 0);
	g_assert_cmpuint(backlog.size, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bus/backlog/programs-take-turns", test_turns);
	g_test_add_func("/bus/backlog/who-calls-once-waits-for-no-flood", test_many);
	g_test_add_func("/bus/backlog/answers-wait-for-no-calls", test_answers);
	g_test_add_func("/bus/backlog/who-has-too-many-is-told-so-and-delays-nobody",
			test_too_many);
	g_test_add_func("/bus/backlog/ends-with-the-broker", test_end);
	g_test_add_func("/bus/backlog/a-new-program-finds-room", test_bounds);
	return g_test_run();
}
