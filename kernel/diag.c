/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>

#include "addr.h"
#include "clock.h"
#include "diag.h"
#include "ops.h"

int diag_check(struct socket *socket)
{
	union codec_command command;

	/* In no state: the answer is empty. */
	return socket_request(socket, codec_get_connections(&command, 0), NULL, NULL);
}

int diag_has_connection(struct socket *socket, uint32_t token)
{
	union codec_command command;
	int r = socket_request(socket, codec_get_connection(&command, token), NULL, NULL);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

static int on_owned(void *data, const void *message, size_t size)
{
	struct event_connection *owned = data;
	struct event event;
	int r = codec_diag_connection(message, size, &event);

	if (r == 0)
		*owned = event.connection;
	return r < 0 ? r : 0;
}

int diag_owner(struct socket *socket, uint32_t token, struct mptcpd_owner *ret_owner)
{
	struct event_connection owned = {.orphan = true};
	union codec_command command;
	int r = socket_request(socket, codec_get_connection(&command, token), on_owned, &owned);

	if (r < 0)
		return r;
	*ret_owner = owned.owner;
	return owned.orphan ? OWNER_ORPHAN : 0;
}

static int on_found(void *data, const void *message, size_t size)
{
	struct event_subflow *found = data;
	struct event event;
	int r = codec_diag_subflow(message, size, clock_boot_ms(), &event);

	if (r == 0)
		*found = event.subflow;
	return r < 0 ? r : 0;
}

int diag_get_subflow(struct socket *socket, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote, uint32_t ifindex,
		     struct event_subflow *ret_subflow)
{
	union codec_command command;
	struct event_subflow found = {0};
	int r = socket_request(socket, codec_get_subflow(&command, local, remote, ifindex),
			       on_found, &found);

	if (r < 0)
		return r;
	if (!found.local.family)
		return -ENOENT;
	*ret_subflow = found;
	return 0;
}

static int on_evidence(void *data, const void *message, size_t size)
{
	struct event_evidence *found = data;
	struct event event;
	int r = codec_diag_evidence(message, size, &event);

	if (r == 0)
		*found = event.evidence;
	return r < 0 ? r : 0;
}

int diag_get_evidence(struct socket *socket, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, uint32_t ifindex,
		      struct event_evidence *ret_evidence)
{
	union codec_command command;
	struct event_evidence found = {0};
	int r = socket_request(socket, codec_get_subflow(&command, local, remote, ifindex),
			       on_evidence, &found);

	if (r < 0)
		return r;
	if (!found.measured)
		return -ENOENT;
	*ret_evidence = found;
	return 0;
}

/* Whom a dump goes to. */
struct dump {
	diag_on_event *on_event;
	void *data;
};

static int on_connection(void *data, const void *message, size_t size)
{
	const struct dump *dump = data;
	struct event event;
	int r = codec_diag_connection(message, size, &event);

	if (r == 0)
		dump->on_event(dump->data, &event);
	return r;
}

/* Whom the listening sockets are told. */
struct ear {
	diag_on_listener *on_listener;
	void *data;
};

static int on_listening(void *data, const void *message, size_t size)
{
	const struct ear *ear = data;
	struct codec_listener listener;
	int r = codec_diag_listener(message, size, &listener);

	if (r == 0)
		ear->on_listener(ear->data, &listener);
	return r < 0 ? r : 0;
}

int diag_dump_listeners(struct socket *socket, diag_on_listener *on_listener, void *data)
{
	struct ear ear = {.on_listener = on_listener, .data = data};
	union codec_command command;

	return socket_request(socket, codec_get_connections(&command, CODEC_LISTEN), on_listening,
			      &ear);
}

static int on_subflow(void *data, const void *message, size_t size)
{
	const struct dump *dump = data;
	struct event event;
	int r = codec_diag_subflow(message, size, clock_boot_ms(), &event);

	if (r == 0)
		dump->on_event(dump->data, &event);
	return r;
}

int diag_dump_syn_sent(struct socket *socket, diag_on_event *on_event, void *data)
{
	struct dump dump = {.on_event = on_event, .data = data};
	union codec_command command;

	return socket_request(socket, codec_get_subflows(&command, CODEC_SYN_SENT), on_subflow,
			      &dump);
}

int diag_dump(struct socket *socket, diag_on_event *on_event, void *data)
{
	struct dump dump = {.on_event = on_event, .data = data};
	union codec_command command;
	int r = socket_request(socket, codec_get_connections(&command, CODEC_CONNECTED),
			       on_connection, &dump);

	if (r < 0)
		return r;
	return socket_request(socket,
			      codec_get_subflows(&command, CODEC_CONNECTED | CODEC_SYN_SENT),
			      on_subflow, &dump);
}
