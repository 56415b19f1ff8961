/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes on a connection of the control socket: what goes on to sd-bus is a handshake of bounded
 * length and then whole messages of bounded size, byte for byte what came, and nothing else. The
 * first byte says whether we are the daemon or a client of the broker, where long messages lose
 * their bodies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define NOW_MS 1000
/* What a socket takes without anybody reading. */
#define INPUT_MAX 65536

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* What sd-bus was fed, as one piece. */
static size_t drain(int fd, uint8_t *piece, size_t room)
{
	size_t n = 0;
	ssize_t r;

	do {
		r = recv(fd, piece + n, room - n, MSG_DONTWAIT);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0 && n < room);
	return n;
}

static void check_piece(const struct intake *intake, enum intake_state state, const uint8_t *piece,
			size_t n)
{
	uint64_t whole, bare;

	require(n <= INTAKE_MAX);
	if (state != INTAKE_MESSAGES || n == 0 || intake->state == INTAKE_ENDED)
		return;
	require(intake_measure(piece, n, &whole, &bare) == 1);
	require(whole == n);
}

static void feed_all(struct intake *intake, int input, const uint8_t *bytes, size_t size)
{
	uint8_t piece[INTAKE_MAX + 1];
	size_t at = 0;

	for (;;) {
		enum intake_state state = intake->state;
		int r = intake_feed(intake, NOW_MS);
		size_t n = drain(input, piece, sizeof(piece));

		require(r <= 1);
		check_piece(intake, state, piece, n);
		/* To a daemon nothing is changed and nothing left out. */
		if (!intake->to_broker)
			require(at + n <= size && memcmp(piece, bytes + at, n) == 0);
		at += n;
		if (r <= 0 || intake->state == INTAKE_ENDED)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	int pair[2], input = -1;
	struct intake intake;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	require(intake_init(&intake, pair[0], bytes[0] & 1, NOW_MS, &input) == 0);
	if (send(pair[1], bytes + 1, size - 1, MSG_DONTWAIT) == (ssize_t)(size - 1)) {
		shutdown(pair[1], SHUT_WR);
		feed_all(&intake, input, bytes + 1, size - 1);
	}
	intake_done(&intake);
	close(input);
	close(pair[1]);
	return 0;
}
