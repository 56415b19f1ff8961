/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handle: connecting, calling, errors, and the descriptor for other people's loops. */
#include "client-private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/mptcpd/control"
#define SECONDS UINT64_C(1000000)
/* mptcpd answers within milliseconds. One that is silent for so long is frozen. */
#define ANSWER_US (3 * SECONDS)
/* The patience with mptcpd while it reads files and tries plugins. */
#define LONG_US (30 * SECONDS)
/* Over the system bus a person may be asked for a password meanwhile. */
#define PASSWORD_US (120 * SECONDS)
/* A listing that is longer has no end. */
#define PAGES_MAX (1u << 17)
/* The most pages in a row without a record: more lead nowhere. */
#define PAGES_EMPTY_MAX 64

MPTCPCTL_EXPORT int mptcpctl_new(struct mptcpctl **ret_ctl)
{
	*ret_ctl = calloc(1, sizeof(**ret_ctl));
	return *ret_ctl ? 0 : -ENOMEM;
}

static void hang_up(struct mptcpctl *ctl)
{
	sd_bus_slot_unref(ctl->monitor.call);
	sd_bus_slot_unref(ctl->monitor.signals);
	sd_bus_close_unref(ctl->bus);
	ctl->monitor = (struct monitor){0};
	ctl->bus = NULL;
	ctl->is_default = false;
}

MPTCPCTL_EXPORT void mptcpctl_free(struct mptcpctl *ctl)
{
	if (!ctl)
		return;
	hang_up(ctl);
	arena_done(&ctl->arena);
	free(ctl);
}

MPTCPCTL_EXPORT const char *mptcpctl_error(const struct mptcpctl *ctl)
{
	return ctl->error;
}

/* ---- errors ---- */

int handle_fail(struct mptcpctl *ctl, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ctl->error, sizeof(ctl->error), format, args);
	va_end(args);
	return error;
}

/* Take the "[errno N]" that ends some messages off the text. 0: there is none. */
static int take_errno(char *text)
{
	char *mark = strrchr(text, '[');
	int n = 0, length = 0;

	if (!mark || sscanf(mark, "[errno %d]%n", &n, &length) != 1 || !length || mark[length] ||
	    n <= 0 || n > 4095)
		return 0;
	while (mark > text && mark[-1] == ' ')
		mark--;
	*mark = '\0';
	return n;
}

int handle_fail_call(struct mptcpctl *ctl, int r, const sd_bus_error *error)
{
	const char *words = error && error->message ? error->message : strerror(-r);
	int n;

	if (sd_bus_error_has_name(error, WIRE_ERROR_NOT_PERMITTED) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
		return handle_fail(ctl, -EACCES, "%s", words);
	if (sd_bus_error_has_name(error, WIRE_ERROR_NOT_FOUND))
		return handle_fail(ctl, -ENOENT, "%s", words);
	if (sd_bus_error_has_name(error, WIRE_ERROR_INVALID))
		return handle_fail(ctl, -EINVAL, "%s", words);
	if (sd_bus_error_has_name(error, WIRE_ERROR_FAILED)) {
		handle_fail(ctl, 0, "%s", words);
		n = take_errno(ctl->error);
		return n ? -n : -EIO;
	}
	if (r == -ECONNRESET || r == -ENOTCONN || r == -EPIPE || r == -EHOSTUNREACH || r == -ENXIO)
		return handle_fail(ctl, -ENOTCONN, "mptcpd has hung up");
	if (r == -ETIMEDOUT)
		return handle_fail(ctl, r, "mptcpd does not answer");
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD))
		return handle_fail(ctl, -EOPNOTSUPP, "the running mptcpd cannot do this");
	return handle_fail(ctl, r, "%s", words);
}

/* ---- connecting ---- */

/* Returns a descriptor, or -errno. */
static int connect_socket(const char *path)
{
	/* A server that takes nobody lets callers wait once its queue is full. */
	const struct timeval patience = {.tv_sec = ANSWER_US / SECONDS};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd, r;

	if (length >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	r = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return r;
}

/* Until both sides know who the other is. sd-bus itself would wait for a minute and a half. */
static int await_ready(sd_bus *bus, uint64_t patience_us)
{
	uint64_t until_us = clock_work_ns() / 1000 + patience_us, now;
	int r;

	while ((r = sd_bus_is_ready(bus)) == 0) {
		r = sd_bus_process(bus, NULL);
		now = clock_work_ns() / 1000;
		if (r >= 0 && now >= until_us)
			return -ETIMEDOUT;
		if (r == 0)
			r = sd_bus_wait(bus, until_us - now);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return r < 0 ? r : 0;
}

/* Takes over the descriptor. */
static int start_private(struct mptcpctl *ctl, int fd, uint64_t patience_us)
{
	int r;

	if (fd < 0)
		return fd;
	r = sd_bus_new(&ctl->bus);
	if (r >= 0)
		r = sd_bus_set_fd(ctl->bus, fd, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	ctl->system = false;
	r = sd_bus_start(ctl->bus);
	return r < 0 ? r : await_ready(ctl->bus, patience_us);
}

static int start_system(struct mptcpctl *ctl)
{
	sd_bus_message *reply = NULL;
	int has_owner = 0, r = sd_bus_open_system(&ctl->bus);

	if (r < 0)
		return r;
	ctl->system = true;
	r = await_ready(ctl->bus, ANSWER_US);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(ctl->bus, ANSWER_US);
	if (r >= 0)
		r = sd_bus_call_method(ctl->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				       "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s",
				       WIRE_NAME);
	if (r >= 0)
		r = sd_bus_message_read(reply, "b", &has_owner);
	sd_bus_message_unref(reply);
	if (r < 0 || !has_owner)
		return r < 0 ? r : -ENOTCONN;
	/* Later calls may have to wait for a person: is it there at all? */
	return sd_bus_call_method(ctl->bus, WIRE_NAME, WIRE_PATH, "org.freedesktop.DBus.Peer",
				  "Ping", NULL, NULL, NULL);
}

/* Nobody is there, said by an errno of connecting. */
static bool is_nobody(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTCONN || r == -ENOTDIR;
}

static int connect_named(struct mptcpctl *ctl, const char *path)
{
	int r = start_private(ctl, connect_socket(path), ANSWER_US);

	if (r >= 0)
		return 0;
	hang_up(ctl);
	if (is_nobody(r))
		return handle_fail(ctl, -ENOTCONN, "no mptcpd is running (tried %s)", path);
	if (r == -EPIPE || r == -ECONNRESET)
		return handle_fail(ctl, -ENOTCONN, "mptcpd has hung up (%s)", path);
	if (r == -ETIMEDOUT)
		return handle_fail(ctl, r, "mptcpd does not answer (%s)", path);
	return handle_fail(ctl, r == -EPERM ? -EACCES : r, "cannot connect to %s: %s", path,
			   strerror(-r));
}

static int connect_bus(struct mptcpctl *ctl)
{
	int r = start_system(ctl);

	if (r >= 0) {
		ctl->error[0] = '\0';
		return 0;
	}
	hang_up(ctl);
	return r == -ETIMEDOUT
		       ? handle_fail(ctl, r,
				     "mptcpd does not answer (" WIRE_NAME " on the system bus)")
		       : handle_fail(ctl, -ENOTCONN,
				     "no mptcpd is running (tried " WIRE_NAME
				     " on the system bus)");
}

MPTCPCTL_EXPORT int mptcpctl_connect_bus(struct mptcpctl *ctl)
{
	hang_up(ctl);
	ctl->error[0] = '\0';
	return connect_bus(ctl);
}

MPTCPCTL_EXPORT int mptcpctl_connect(struct mptcpctl *ctl, const char *socket)
{
	const char *named = socket ? socket : getenv("MPTCPCTL_SOCKET");
	int r;

	hang_up(ctl);
	ctl->error[0] = '\0';
	if (named && *named)
		return connect_named(ctl, named);
	r = connect_named(ctl, DEFAULT_SOCKET);
	ctl->is_default = r == 0;
	if (r != -ENOTCONN)
		return r;
	r = connect_bus(ctl);
	return r == -ENOTCONN ? handle_fail(ctl, r,
					    "no mptcpd is running (tried " DEFAULT_SOCKET
					    " and " WIRE_NAME " on the system bus)")
			      : r;
}

MPTCPCTL_EXPORT int mptcpctl_connect_fd(struct mptcpctl *ctl, int fd)
{
	int r;

	hang_up(ctl);
	ctl->error[0] = '\0';
	r = start_private(ctl, fd, LONG_US);
	if (r >= 0)
		return 0;
	hang_up(ctl);
	return handle_fail_call(ctl, r, NULL);
}

/* ---- calling ---- */

struct writer handle_new_call(struct mptcpctl *ctl, const char *member)
{
	struct writer writer = {0};

	ctl->error[0] = '\0';
	ctl->patience_us = ANSWER_US;
	ctl->acts = false;
	if (ctl->bus)
		writer.error = sd_bus_message_new_method_call(ctl->bus, &writer.m,
							      ctl->system ? WIRE_NAME : NULL,
							      WIRE_PATH, WIRE_MANAGER, member);
	else
		writer.error = handle_fail(ctl, -ENOTCONN, "not connected");
	return writer;
}

struct writer handle_new_action(struct mptcpctl *ctl, const char *member)
{
	struct writer writer = handle_new_call(ctl, member);

	ctl->acts = true;
	if (writer.error < 0 || !ctl->system)
		return writer;
	ctl->patience_us = PASSWORD_US;
	writer.error = sd_bus_message_set_allow_interactive_authorization(writer.m, 1);
	return writer;
}

struct writer handle_new_long_action(struct mptcpctl *ctl, const char *member)
{
	struct writer writer = handle_new_action(ctl, member);

	if (ctl->patience_us < LONG_US)
		ctl->patience_us = LONG_US;
	return writer;
}

/*
 * The same call over the system bus, where polkit may permit what the socket does not. False: there is
 * no mptcpd there; what was said before holds.
 */
static bool call_again(struct mptcpctl *ctl, sd_bus_message *refused, sd_bus_message **ret_reply,
		       int *ret_r)
{
	struct mptcpctl door = {0};
	sd_bus_error error = SD_BUS_ERROR_NULL;
	bool is_there = start_system(&door) >= 0;
	struct writer writer = {.error = -ENOTCONN};

	if (is_there) {
		writer = handle_new_action(&door, sd_bus_message_get_member(refused));
		if (writer.error >= 0)
			writer.error = sd_bus_message_rewind(refused, true);
		if (writer.error >= 0)
			writer.error = sd_bus_message_copy(writer.m, refused, true);
		if (writer.error >= 0)
			writer.error = sd_bus_call(door.bus, writer.m, door.patience_us, &error,
						   ret_reply);
		*ret_r = writer.error < 0 ? handle_fail_call(ctl, writer.error, &error) : 0;
		sd_bus_message_unref(writer.m);
	}
	sd_bus_error_free(&error);
	hang_up(&door);
	return is_there;
}

int handle_call(struct mptcpctl *ctl, struct writer *writer, sd_bus_message **ret_reply)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = writer->error;

	if (r >= 0)
		r = sd_bus_call(ctl->bus, writer->m, ctl->patience_us, &error, ret_reply);
	if (r < 0 && ctl->acts && ctl->is_default &&
	    sd_bus_error_has_name(&error, WIRE_ERROR_NOT_PERMITTED) &&
	    call_again(ctl, writer->m, ret_reply, &r))
		;
	else if (r < 0 && !ctl->error[0])
		r = handle_fail_call(ctl, r, &error);
	sd_bus_error_free(&error);
	sd_bus_message_unref(writer->m);
	return r < 0 ? r : 0;
}

static int on_answer(sd_bus_message *m, void *data, sd_bus_error *unused)
{
	struct answer *answer = data;

	answer->m = sd_bus_message_ref(m);
	return 1;
}

int handle_post(struct mptcpctl *ctl, struct writer *writer, struct answer *answer)
{
	int r = writer->error;

	*answer = (struct answer){0};
	/* Whatever else came would be told while there is something to wait for. */
	if (ctl->monitor.stage != STAGE_OFF)
		return handle_call(ctl, writer, &answer->m);
	if (r >= 0)
		r = sd_bus_call_async(ctl->bus, &answer->slot, writer->m, on_answer, answer,
				      UINT64_MAX);
	sd_bus_message_unref(writer->m);
	if (r < 0 && !ctl->error[0])
		r = handle_fail_call(ctl, r, NULL);
	return r < 0 ? r : 0;
}

/* Time counts from now on: while nobody waited, the answer may have been there. */
static int await(struct mptcpctl *ctl, const struct answer *answer)
{
	uint64_t until_us = clock_work_ns() / 1000 + ctl->patience_us, now;
	int r = 0;

	while (r >= 0 && !answer->m) {
		r = sd_bus_process(ctl->bus, NULL);
		now = clock_work_ns() / 1000;
		if (r == 0 && now >= until_us)
			return -ETIMEDOUT;
		if (r == 0)
			r = sd_bus_wait(ctl->bus, until_us - now);
		if (r == -EINTR)
			r = 0;
	}
	return r < 0 || !sd_bus_is_open(ctl->bus) ? -ENOTCONN : 0;
}

int handle_await(struct mptcpctl *ctl, struct answer *answer, sd_bus_message **ret_reply)
{
	int r = await(ctl, answer);
	const sd_bus_error *error = answer->m ? sd_bus_message_get_error(answer->m) : NULL;

	if (r == 0 && error)
		r = -sd_bus_error_get_errno(error);
	if (r < 0)
		r = handle_fail_call(ctl, r, error);
	else
		*ret_reply = sd_bus_message_ref(answer->m);
	handle_forget(answer);
	return r;
}

void handle_forget(struct answer *answer)
{
	sd_bus_slot_unref(answer->slot);
	sd_bus_message_unref(answer->m);
	*answer = (struct answer){0};
}

int handle_turn_page(struct mptcpctl *ctl, struct pages *pages, size_t n_records, uint64_t cursor)
{
	bool moves = !cursor || cursor > pages->cursor;

	pages->n_empty = n_records ? 0 : pages->n_empty + 1;
	pages->cursor = cursor;
	if (moves && ++pages->n < PAGES_MAX && pages->n_empty < PAGES_EMPTY_MAX)
		return 0;
	return handle_fail(ctl, -EBADMSG, "mptcpd answers without end");
}

int handle_finish(struct mptcpctl *ctl, struct reader *reader, int r)
{
	sd_bus_message_unref(reader->m);
	arena_reset(&ctl->arena);
	if (reader->error == -ENOMEM)
		return handle_fail(ctl, -ENOMEM, "out of memory");
	if (reader->error < 0)
		return handle_fail(ctl, -EBADMSG, "mptcpd answered what cannot be understood");
	return r;
}

/* ---- other people's loops ---- */

MPTCPCTL_EXPORT int mptcpctl_fd(struct mptcpctl *ctl)
{
	return ctl->bus ? sd_bus_get_fd(ctl->bus) : -ENOTCONN;
}

MPTCPCTL_EXPORT int mptcpctl_poll_events(struct mptcpctl *ctl)
{
	return ctl->bus ? sd_bus_get_events(ctl->bus) : -ENOTCONN;
}

MPTCPCTL_EXPORT int mptcpctl_timeout_ms(struct mptcpctl *ctl)
{
	uint64_t ms, page_ms = monitor_left_ms(ctl);

	if (!ctl->bus || wait_left_ms(ctl->bus, &ms) < 0)
		return 0; /* dispatch tells what is wrong */
	if (page_ms < ms)
		ms = page_ms;
	if (ms == UINT64_MAX)
		return -1;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

MPTCPCTL_EXPORT int mptcpctl_dispatch(struct mptcpctl *ctl)
{
	int r;

	ctl->error[0] = '\0';
	if (!ctl->bus)
		return handle_fail(ctl, -ENOTCONN, "not connected");
	r = sd_bus_process(ctl->bus, NULL);
	if (r == 0 && monitor_left_ms(ctl) == 0)
		r = -ETIMEDOUT;
	if (ctl->monitor.result) {
		r = ctl->monitor.result;
		ctl->monitor.result = 0;
		return r;
	}
	return r < 0 ? handle_fail_call(ctl, r, NULL) : r > 0;
}
