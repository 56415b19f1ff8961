/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may come in on a connection before sd-bus sees it. The clock is the test's. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"

#define HANDSHAKE "\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
#define HANDSHAKE_SIZE (sizeof(HANDSHAKE) - 1)
#define FIELDS 24

static struct {
	struct intake intake;
	int client; /* writes to the intake */
	int input; /* sd-bus's end */
	uint64_t now_ms;
} scene;

static void set_up(bool to_broker)
{
	int pair[2];

	g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	scene.client = pair[0];
	scene.now_ms = 1000;
	g_assert_cmpint(intake_init(&scene.intake, pair[1], to_broker, scene.now_ms, &scene.input),
			==, 0);
}

static void tear_down(void)
{
	intake_done(&scene.intake);
	if (scene.client >= 0)
		close(scene.client);
	close(scene.input);
}

static void say(const void *bytes, size_t size)
{
	g_assert_cmpint(write(scene.client, bytes, size), ==, size);
}

static int feed(void)
{
	return intake_feed(&scene.intake, scene.now_ms);
}

/* What sd-bus got since it was asked last. */
static size_t got(uint8_t bytes[static INTAKE_MAX])
{
	ssize_t n = read(scene.input, bytes, INTAKE_MAX);

	return n < 0 ? 0 : (size_t)n;
}

static void feed_all(void)
{
	uint8_t bytes[INTAKE_MAX];
	int r;

	while ((r = feed()) > 0)
		got(bytes);
	g_assert_cmpint(r, ==, 0);
}

static void begin(void)
{
	set_up(false);
	say(HANDSHAKE, HANDSHAKE_SIZE);
	feed_all();
	g_assert_cmpint(scene.intake.state, ==, INTAKE_MESSAGES);
}

/* A method call with so much of fields and body; returns its size. */
static size_t message(uint8_t *bytes, uint32_t body, char order)
{
	uint32_t fields = FIELDS, serial = 1;

	memset(bytes, 0, 16);
	bytes[0] = (uint8_t)order;
	bytes[1] = 1;
	bytes[3] = 1;
	if (order == 'B') {
		body = GUINT32_SWAP_LE_BE(body);
		fields = GUINT32_SWAP_LE_BE(fields);
	}
	memcpy(bytes + 4, &body, 4);
	memcpy(bytes + 8, &serial, 4);
	memcpy(bytes + 12, &fields, 4);
	memset(bytes + 16, 'f', FIELDS);
	return 16 + FIELDS;
}

static void test_lines(void)
{
	uint8_t bytes[INTAKE_MAX];

	set_up(false);
	say(HANDSHAKE, HANDSHAKE_SIZE);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), "\0AUTH EXTERNAL 30\r\n", 19);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), "NEGOTIATE_UNIX_FD\r\n", 19);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), "BEGIN\r\n", 7);
	g_assert_cmpint(feed(), ==, 0);
	tear_down();
}

/* Each byte for itself, in both byte orders; then two at once. */
static void test_whole(void)
{
	static const char orders[] = "lB";
	uint8_t sent[256], bytes[INTAKE_MAX];
	size_t size;

	begin();
	for (size_t i = 0; i < 2; i++) {
		size = message(sent, 5, orders[i]);
		memset(sent + size, 'b', 5);
		size += 5;
		for (size_t j = 0; j < size; j++) {
			g_assert_cmpint(feed(), ==, 0);
			scene.now_ms += 10;
			say(sent + j, 1);
		}
		g_assert_cmpint(feed(), ==, 1);
		g_assert_cmpmem(bytes, got(bytes), sent, size);
	}
	size = message(sent, 0, 'l');
	say(sent, size);
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpuint(got(bytes), ==, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpuint(got(bytes), ==, size);
	g_assert_cmpint(feed(), ==, 0);
	tear_down();
}

static void test_largest(void)
{
	uint8_t sent[INTAKE_MAX + 1] = {0}, bytes[INTAKE_MAX];

	begin();
	message(sent, INTAKE_MAX - 16 - FIELDS, 'l');
	say(sent, INTAKE_MAX);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpuint(got(bytes), ==, INTAKE_MAX);
	message(sent, INTAKE_MAX - 16 - FIELDS + 1, 'l');
	say(sent, 16);
	g_assert_cmpint(feed(), ==, -EMSGSIZE);
	tear_down();
}

static void test_absurd(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {{0, 'x'}, {0, 0}, {1, 0}, {1, 5}, {3, 0}, {3, 2}};
	uint8_t sent[64];

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		begin();
		message(sent, 0, 'l');
		sent[bad[i].at] = bad[i].value;
		say(sent, 16);
		g_assert_cmpint(feed(), ==, -EBADMSG);
		tear_down();
	}
	for (size_t at = 4; at <= 12; at += 8) {
		begin();
		message(sent, 0, 'l');
		memset(sent + at, 0xff, 4);
		say(sent, 16);
		g_assert_cmpint(feed(), ==, -EBADMSG);
		tear_down();
	}
}

static void test_late_handshake(void)
{
	set_up(false);
	say(HANDSHAKE, 1);
	scene.now_ms += INTAKE_MS - 1;
	g_assert_cmpint(feed(), ==, 0);
	say(&HANDSHAKE[1], 30);
	g_assert_cmpint(feed(), ==, 1);
	scene.now_ms++;
	g_assert_cmpint(feed(), ==, -ETIMEDOUT);
	tear_down();
}

static void test_long_handshake(void)
{
	char line[1024];
	int r = 0;

	memset(line, 'x', sizeof(line));
	set_up(false);
	for (size_t i = 0; i < INTAKE_MAX / sizeof(line) && r == 0; i++) {
		say(line, sizeof(line));
		r = feed();
	}
	g_assert_cmpint(r, ==, -EMSGSIZE);
	tear_down();
	set_up(false);
	for (size_t i = 0; i <= INTAKE_MAX && r >= 0; i++) {
		uint8_t bytes[INTAKE_MAX];

		say("x\r\n", 3);
		r = feed();
		got(bytes);
	}
	g_assert_cmpint(r, ==, -EMSGSIZE);
	tear_down();
}

/* All but the last byte; but one that says nothing at all may stay. */
static void test_late_message(void)
{
	uint8_t sent[64];
	size_t size = message(sent, 0, 'l');

	begin();
	scene.now_ms += 10 * INTAKE_MS;
	g_assert_cmpint(feed(), ==, 0);
	g_assert_cmpuint(scene.intake.deadline_ms, ==, UINT64_MAX);
	say(sent, size - 1);
	g_assert_cmpint(feed(), ==, 0);
	g_assert_cmpuint(scene.intake.deadline_ms, ==, scene.now_ms + INTAKE_MS);
	scene.now_ms += INTAKE_MS;
	g_assert_cmpint(feed(), ==, -ETIMEDOUT);
	tear_down();
}

/* Its requests had to wait, and so it is not late. */
static void test_not_asked(void)
{
	uint8_t sent[64], bytes[INTAKE_MAX];
	size_t size = message(sent, 0, 'l');

	begin();
	say(sent, size);
	say(sent, size - 1);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpuint(got(bytes), ==, size);
	g_assert_cmpint(feed(), ==, 0);
	say(sent, 1);
	scene.now_ms += 2 * INTAKE_MS;
	g_assert_cmpint(feed(), ==, 1);
	tear_down();
}

static void send_descriptor(int fd)
{
	uint8_t bytes[64], control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {bytes, message(bytes, 0, 'l')};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	g_assert_cmpint(sendmsg(scene.client, &m, 0), ==, iov.iov_len);
}

/* The pipe's end tells whether anyone still has the other one. */
static void test_descriptors(void)
{
	int ends[2];
	char byte;

	for (size_t i = 0; i < 2; i++) {
		g_assert_no_errno(pipe(ends));
		if (i)
			begin();
		else
			set_up(false);
		send_descriptor(ends[1]);
		close(ends[1]);
		g_assert_cmpint(feed(), ==, -EPROTO);
		g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
		close(ends[0]);
		tear_down();
	}
}

static void test_end(void)
{
	uint8_t sent[64], bytes[INTAKE_MAX];
	size_t size = message(sent, 0, 'l');

	begin();
	say(sent, size);
	say(sent, 3);
	close(scene.client);
	scene.client = -1;
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpuint(got(bytes), ==, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpint(read(scene.input, bytes, 1), ==, 0);
	g_assert_cmpint(feed(), ==, 0);
	tear_down();
}

/* ---- the system bus, whose connection we need ---- */

static void begin_system(void)
{
	set_up(true);
	say("DATA\r\nOK 1234\r\n", 15);
	feed_all();
	g_assert_cmpint(scene.intake.state, ==, INTAKE_MESSAGES);
}

static void test_system_large(void)
{
	uint8_t sent[64], bytes[INTAKE_MAX], junk[1024] = {0};
	uint32_t body;
	size_t size = message(sent, 100 * sizeof(junk), 'l');

	begin_system();
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_true(scene.intake.is_cut);
	g_assert_cmpuint(got(bytes), ==, size);
	memcpy(&body, bytes + 4, 4);
	g_assert_cmpuint(body, ==, 0);
	for (size_t i = 0; i < 100; i++) {
		g_assert_cmpint(feed(), ==, 0);
		say(junk, sizeof(junk));
		scene.now_ms += INTAKE_MS; /* the broker is not hurried */
	}
	size = message(sent, 0, 'l');
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_false(scene.intake.is_cut);
	g_assert_cmpmem(bytes, got(bytes), sent, size);
	tear_down();
}

/* Even without its body it is too long. */
static void test_system_long_fields(void)
{
	uint8_t sent[64], bytes[INTAKE_MAX], junk[1000] = {0};
	uint32_t fields = 20 * sizeof(junk);
	size_t size;

	begin_system();
	message(sent, 0, 'l');
	memcpy(sent + 12, &fields, 4);
	say(sent, 16);
	for (size_t i = 0; i < 20; i++) {
		g_assert_cmpint(feed(), ==, 0);
		say(junk, sizeof(junk));
	}
	size = message(sent, 0, 'l');
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), sent, size);
	tear_down();
}

/* A signal from this sender; returns its size. */
static size_t signal_from(uint8_t *bytes, const char *sender)
{
	uint32_t length = (uint32_t)strlen(sender), fields = 8 + length + 1;

	message(bytes, 0, 'l');
	bytes[1] = 4;
	memcpy(bytes + 12, &fields, 4);
	memcpy(bytes + 16, "\7\1s", 4);
	memcpy(bytes + 20, &length, 4);
	memset(bytes + 24, 0, (length + 8) & ~7U);
	memcpy(bytes + 24, sender, length);
	return 24 + ((length + 8) & ~7U);
}

/* Many at once, and what is heard behind them. */
static void test_system_unheard(void)
{
	static const char *const others[] = {":1.7", "org.freedesktop.DBu",
					     "org.freedesktop.DBus2"};
	uint8_t sent[64], bytes[INTAKE_MAX];
	size_t size;

	begin_system();
	for (size_t i = 0; i < 100; i++) {
		size = i % 2 ? signal_from(sent, others[i % G_N_ELEMENTS(others)])
			     : message(sent, 0, 'l');
		sent[2] = 1;
		say(sent, size);
	}
	size = signal_from(sent, "org.freedesktop.DBus");
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), sent, size);
	size = message(sent, 0, 'l');
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), sent, size);
	tear_down();
}

/* Fields that are no fields name no sender. */
static void test_system_bad_fields(void)
{
	uint8_t sent[64], bytes[INTAKE_MAX];
	size_t size;

	begin_system();
	for (unsigned int byte = 0; byte < 256; byte++)
		for (size_t at = 16; at < 20; at++) {
			size = signal_from(sent, "org.freedesktop.DBus");
			if (sent[at] == byte)
				continue;
			sent[at] = (uint8_t)byte;
			say(sent, size);
			g_assert_cmpint(feed(), ==, 0);
		}
	size = message(sent, 0, 'l');
	say(sent, size);
	g_assert_cmpint(feed(), ==, 1);
	g_assert_cmpmem(bytes, got(bytes), sent, size);
	tear_down();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bus/intake/handshake-goes-on-line-by-line", test_lines);
	g_test_add_func("/bus/intake/messages-go-on-when-they-are-whole", test_whole);
	g_test_add_func("/bus/intake/one-byte-too-many-is-refused", test_largest);
	g_test_add_func("/bus/intake/absurd-headers-are-refused", test_absurd);
	g_test_add_func("/bus/intake/handshake-must-end-in-time", test_late_handshake);
	g_test_add_func("/bus/intake/handshake-must-be-short", test_long_handshake);
	g_test_add_func("/bus/intake/message-must-end-in-time", test_late_message);
	g_test_add_func("/bus/intake/who-had-to-wait-is-not-late", test_not_asked);
	g_test_add_func("/bus/intake/descriptors-are-not-received", test_descriptors);
	g_test_add_func("/bus/intake/what-was-said-before-the-end-counts", test_end);
	g_test_add_func("/bus/intake/system-bus-large-body-is-cut", test_system_large);
	g_test_add_func("/bus/intake/system-bus-what-nobody-waits-for-is-left-out",
			test_system_unheard);
	g_test_add_func("/bus/intake/system-bus-bad-fields-name-no-sender", test_system_bad_fields);
	g_test_add_func("/bus/intake/system-bus-long-fields-are-left-out", test_system_long_fields);
	return g_test_run();
}
