/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "intake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A message begins with: byte order, type, flags, version, size of body, serial, size of fields. */
#define HEADER_SIZE 16
#define BODY_SIZE_AT 4
#define FIELDS_SIZE_AT 12
/* The most that D-Bus allows. */
#define MESSAGE_MAX (UINT64_C(128) << 20)
#define TYPE_MAX 4
#define TYPE_CALL 1
#define TYPE_SIGNAL 4
#define TYPE_AT 1
#define FLAGS_AT 2
#define NO_REPLY_EXPECTED 1
#define FIELD_SENDER 7
#define BROKER "org.freedesktop.DBus"
/* System calls of one intake_feed(), when there is much to leave out. */
#define READS 8

int intake_init(struct intake *intake, int fd, bool to_broker, uint64_t now_ms, int *ret_input)
{
	int pair[2];

	*intake = (struct intake){.fd = fd, .feed = -1, .to_broker = to_broker};
	intake->deadline_ms = to_broker ? UINT64_MAX : now_ms + INTAKE_MS;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	intake->feed = pair[0];
	*ret_input = pair[1];
	return 0;
}

void intake_done(struct intake *intake)
{
	backlog_clear(&intake->backlog);
	if (intake->fd >= 0)
		close(intake->fd);
	if (intake->feed >= 0)
		close(intake->feed);
}

static uint32_t read_number(const uint8_t *bytes, bool is_big)
{
	uint32_t number = 0;

	for (size_t i = 0; i < 4; i++)
		number |= (uint32_t)bytes[i] << 8 * (is_big ? 3 - i : i);
	return number;
}

int intake_measure(const uint8_t *bytes, size_t size, uint64_t *ret_size, uint64_t *ret_bare)
{
	bool is_big = bytes[0] == 'B';
	uint64_t bare;

	if (size < HEADER_SIZE)
		return 0;
	if ((bytes[0] != 'l' && !is_big) || bytes[1] == 0 || bytes[1] > TYPE_MAX || bytes[3] != 1)
		return -EBADMSG;
	bare = HEADER_SIZE +
	       ((read_number(bytes + FIELDS_SIZE_AT, is_big) + UINT64_C(7)) & ~UINT64_C(7));
	*ret_size = bare + read_number(bytes + BODY_SIZE_AT, is_big);
	*ret_bare = bare;
	return *ret_size > MESSAGE_MAX ? -EBADMSG : 1;
}

/* ---- reading ---- */

static void drop(struct intake *intake, size_t size)
{
	intake->start += size;
	if (intake->start == intake->end)
		intake->start = intake->end = 0;
}

static void skip(struct intake *intake)
{
	size_t size = intake->end - intake->start;

	if (size > intake->skip)
		size = (size_t)intake->skip;
	intake->skip -= size;
	drop(intake, size);
}

/* 1, 0: nothing has come, -EPIPE: the end, -EPROTO: descriptors came. */
static int read_more(struct intake *intake)
{
	struct iovec iov;
	/* Without room for descriptors the kernel drops them before they are ours. */
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	memmove(intake->buffer, intake->buffer + intake->start, intake->end - intake->start);
	intake->end -= intake->start;
	intake->start = 0;
	iov.iov_base = intake->buffer + intake->end;
	iov.iov_len = sizeof(intake->buffer) - intake->end;
	n = recvmsg(intake->fd, &message, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	if (message.msg_flags & MSG_CTRUNC)
		return -EPROTO;
	intake->end += (size_t)n;
	return 1;
}

/* ---- feeding ---- */

static int feed_bytes(struct intake *intake, const uint8_t *bytes, size_t size)
{
	/* The pair holds far more than one message. */
	if (send(intake->feed, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
		return -EIO;
	intake->fed = size;
	return 1;
}

static int feed(struct intake *intake, size_t size)
{
	int r = feed_bytes(intake, intake->buffer + intake->start, size);

	if (r > 0)
		drop(intake, size);
	return r;
}

/* The next call of those that wait. */
static int feed_waiting(struct intake *intake)
{
	uint8_t bytes[INTAKE_MAX];
	size_t size = backlog_take(&intake->backlog, bytes, &intake->is_cut);

	return size ? feed_bytes(intake, bytes, size) : 0;
}

static bool ends_handshake(const struct intake *intake, const char *line, size_t size)
{
	if (intake->to_broker)
		return size >= 3 && memcmp(line, "OK ", 3) == 0;
	return size == 5 && memcmp(line, "BEGIN", 5) == 0;
}

/* A client's first line begins with a byte of its own, which is zero. */
static int feed_line(struct intake *intake)
{
	const char *line = (const char *)intake->buffer + intake->start;
	size_t size = intake->end - intake->start;
	const char *end = size ? memmem(line, size, "\r\n", 2) : NULL;

	if (intake->handshake + (end ? (size_t)(end - line) + 2 : size) >= INTAKE_MAX)
		return -EMSGSIZE;
	if (!end)
		return 0;
	size = (size_t)(end - line);
	intake->handshake += size + 2;
	if (ends_handshake(intake, line, size))
		intake->state = INTAKE_MESSAGES;
	return feed(intake, size + 2);
}

static size_t align(size_t at, size_t to)
{
	return (at + to - 1) & ~(to - 1);
}

/*
 * The text of the header field with this code; NULL: there is none, or the fields are not what they
 * should be. Each is a structure of its code and a variant: a string, a path, a signature or a number.
 */
static const char *find_field(const uint8_t *bytes, size_t bare, uint8_t code)
{
	size_t at = HEADER_SIZE;

	while (at + 8 < bare) {
		char type = (char)bytes[at + 2];
		uint64_t size =
			type == 'g'   ? bytes[at + 4] + UINT64_C(2)
			: type == 'u' ? 4
				      : read_number(bytes + at + 4, bytes[0] == 'B') + UINT64_C(5);

		if (bytes[at + 1] != 1 || bytes[at + 3] != 0 || size > bare - at - 4)
			return NULL;
		if (bytes[at] == code && type == 's')
			return bytes[at + 4 + size - 1] == 0 ? (const char *)bytes + at + 8 : NULL;
		at = align(at + 4 + (size_t)size, 8);
	}
	return NULL;
}

/* A call over the system bus waits for its caller's turn, as do those of which he is told that they are too much. */
static bool keep_call(struct intake *intake, size_t size, size_t bare, bool is_cut)
{
	const uint8_t *bytes = intake->buffer + intake->start;
	const char *sender = find_field(bytes, bare, FIELD_SENDER);

	return backlog_put(&intake->backlog, sender ? sender : "", bytes, size, is_cut);
}

static bool is_call(const struct intake *intake)
{
	return intake->to_broker && intake->buffer[intake->start + TYPE_AT] == TYPE_CALL;
}

/* All of it is left out; but the caller may still be told by the broker that it was too much, if his name fits. */
static int feed_cut(struct intake *intake, uint64_t size, uint64_t bare)
{
	if (!intake->to_broker)
		return -EMSGSIZE;
	if (bare <= INTAKE_MAX && intake->end - intake->start < bare)
		return 0;
	intake->skip = size;
	if (bare > INTAKE_MAX)
		return 0;
	memset(intake->buffer + intake->start + BODY_SIZE_AT, 0, 4);
	if (is_call(intake)) {
		keep_call(intake, (size_t)bare, (size_t)bare, true);
		return 0;
	}
	intake->is_cut = true;
	intake->skip = size - bare;
	return feed(intake, (size_t)bare);
}

/*
 * Does nobody wait for an answer? Of such messages anybody can send as many as the broker takes, and
 * those of others would wait behind them. What the broker itself says is none.
 */
static bool is_unheard(const struct intake *intake, uint64_t bare)
{
	const uint8_t *bytes = intake->buffer + intake->start;
	const char *sender;

	if (!intake->to_broker)
		return false;
	if (bytes[TYPE_AT] == TYPE_CALL)
		return bytes[FLAGS_AT] & NO_REPLY_EXPECTED;
	if (bytes[TYPE_AT] != TYPE_SIGNAL)
		return false;
	sender = find_field(bytes, (size_t)bare, FIELD_SENDER);
	return !sender || strcmp(sender, BROKER) != 0;
}

static int feed_message(struct intake *intake)
{
	uint64_t size, bare;
	size_t have = intake->end - intake->start;
	int r = intake_measure(intake->buffer + intake->start, have, &size, &bare);

	if (r <= 0)
		return r;
	if (size > INTAKE_MAX)
		return feed_cut(intake, size, bare);
	if (have < size)
		return 0;
	if (is_unheard(intake, bare)) {
		intake->skip = size;
		return 0;
	}
	if (is_call(intake)) {
		if (!keep_call(intake, (size_t)size, (size_t)bare, false))
			return feed_cut(intake, size, bare);
		intake->skip = size;
		return 0;
	}
	intake->is_cut = false;
	return feed(intake, (size_t)size);
}

static int feed_next(struct intake *intake)
{
	int r = 0;

	if (intake->state == INTAKE_HANDSHAKE)
		return feed_line(intake);
	do {
		skip(intake);
		if (intake->end > intake->start)
			r = feed_message(intake);
	} while (r == 0 && intake->skip && intake->end > intake->start);
	return r;
}

/* Nothing whole is here. What has begun must end in time, what has not may come when it likes. */
static int check_time(struct intake *intake, uint64_t now_ms)
{
	if (intake->to_broker || intake->state == INTAKE_ENDED)
		return 0;
	if (intake->state == INTAKE_MESSAGES && intake->start == intake->end)
		intake->deadline_ms = UINT64_MAX;
	else if (intake->deadline_ms == UINT64_MAX)
		intake->deadline_ms = now_ms + INTAKE_MS;
	return now_ms >= intake->deadline_ms ? -ETIMEDOUT : 0;
}

int intake_feed(struct intake *intake, uint64_t now_ms)
{
	int r = intake->state == INTAKE_ENDED ? 0 : feed_next(intake);

	for (size_t i = 0; i < READS && r == 0 && intake->state != INTAKE_ENDED; i++) {
		r = read_more(intake);
		if (r == 0)
			break;
		if (r > 0)
			r = feed_next(intake);
	}
	if (r == -EPIPE) {
		intake->state = INTAKE_ENDED;
		backlog_clear(&intake->backlog);
		r = shutdown(intake->feed, SHUT_WR) < 0 ? -errno : 1;
	}
	if (r == 0 && intake->state != INTAKE_ENDED)
		r = feed_waiting(intake);
	if (r > 0 && intake->state != INTAKE_HANDSHAKE)
		intake->deadline_ms = UINT64_MAX;
	return r == 0 ? check_time(intake, now_ms) : r;
}
