/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "addr.h"
#include "pm.h"

static int on_family(void *data, const void *message, size_t size)
{
	struct codec_family *family = data;

	return codec_family(message, size, family);
}

int pm_open(struct pm *pm)
{
	union codec_command command;
	int r;

	memset(pm, 0, sizeof(*pm));
	r = socket_open(&pm->socket, NETLINK_GENERIC, SOCKET_REQUESTS);
	if (r < 0)
		return r;
	r = socket_request(&pm->socket, codec_get_family(&command), on_family, &pm->family);
	if (r == 0 && pm->family.id != 0)
		return 0;
	pm_close(pm);
	return r == 0 || r == -ENOENT ? -EPROTONOSUPPORT : r;
}

void pm_close(struct pm *pm)
{
	socket_close(&pm->socket);
}

/* Whom an answer goes to. */
struct reply {
	pm_on_event *on_event;
	void *data;
};

static int on_reply(void *data, const void *message, size_t size)
{
	const struct reply *reply = data;
	struct event event;
	int r = codec_pm_reply(message, size, &event);

	if (r == 0)
		reply->on_event(reply->data, &event);
	return r;
}

/* Is the running kernel older? Not if its release says nothing of it. */
static bool is_older_than(int major, int minor)
{
	struct utsname name;
	int m, n;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &m, &n) != 2)
		return false;
	return m < major || (m == major && n < minor);
}

int pm_endpoints(struct pm *pm, uint32_t token, pm_on_event *on_event, void *data)
{
	union codec_command command;
	struct reply reply = {.on_event = on_event, .data = data};

	/* It would answer with the host's endpoints. */
	if (token && is_older_than(6, 9))
		return -EOPNOTSUPP;
	return socket_request(&pm->socket, codec_get_addr(&command, pm->family.id, token), on_reply,
			      &reply);
}

int pm_limits(struct pm *pm, pm_on_event *on_event, void *data)
{
	union codec_command command;
	struct reply reply = {.on_event = on_event, .data = data};

	return socket_request(&pm->socket, codec_get_limits(&command, pm->family.id), on_reply,
			      &reply);
}

/* All commands that only have an outcome. */
static int request(struct pm *pm, struct nlmsghdr *command)
{
	return socket_request(&pm->socket, command, NULL, NULL);
}

/* Flags the kernel may not know. Old ones echo any bit, so that reading it back proves nothing. */
static const struct {
	uint32_t flag;
	int major, minor;
	const char *text;
} late_flags[] = {
	{MPTCPD_FLAG_FULLMESH, 5, 15, "flag fullmesh needs Linux 5.15 or newer"},
	{MPTCPD_FLAG_LAMINAR, 6, 18, "flag laminar needs Linux 6.18 or newer"},
};

static int check_flags(struct pm *pm, uint32_t flags)
{
	for (size_t i = 0; i < sizeof(late_flags) / sizeof(late_flags[0]); i++) {
		if (!(flags & late_flags[i].flag) ||
		    !is_older_than(late_flags[i].major, late_flags[i].minor))
			continue;
		snprintf(pm->socket.text, sizeof(pm->socket.text), "%s", late_flags[i].text);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* An endpoint that was refused, and what the table has instead. */
struct refused {
	const struct event_endpoint *endpoint;
	bool has_addr, has_id;
};

static void on_present(void *data, const struct event *event)
{
	struct refused *refused = data;

	if (event->type != EVENT_ENDPOINT)
		return;
	refused->has_addr |= addr_equal(&event->endpoint.addr, &refused->endpoint->addr);
	refused->has_id |= event->endpoint.id == refused->endpoint->id;
}

/* Linux 6.1 answers EINVAL where later ones tell three reasons apart; this finds out which. */
static int why_refused(struct pm *pm, const struct event_endpoint *endpoint)
{
	struct refused refused = {.endpoint = endpoint};
	char text[sizeof(pm->socket.text)];
	int r;

	memcpy(text, pm->socket.text, sizeof(text));
	r = pm_endpoints(pm, 0, on_present, &refused);
	memcpy(pm->socket.text, text, sizeof(text));
	if (r < 0)
		return -EINVAL;
	if (refused.has_id)
		return -EBUSY;
	return refused.has_addr ? -EEXIST : -ERANGE;
}

int pm_endpoint_add(struct pm *pm, const struct event_endpoint *endpoint)
{
	union codec_command command;
	int r = check_flags(pm, endpoint->flags);

	if (r == 0)
		r = request(pm, codec_add_addr(&command, pm->family.id, endpoint));
	if (r == -EINVAL && strstr(pm->socket.text, "too many addresses or duplicate one"))
		r = why_refused(pm, endpoint);
	return r;
}

int pm_endpoint_delete(struct pm *pm, const struct event_endpoint *endpoint)
{
	union codec_command command;

	return request(pm, codec_del_addr(&command, pm->family.id, endpoint));
}

int pm_endpoint_flags(struct pm *pm, const struct event_endpoint *endpoint)
{
	union codec_command command;
	int r = check_flags(pm, endpoint->flags);

	if (r < 0)
		return r;
	return request(pm, codec_set_flags(&command, pm->family.id, endpoint));
}

int pm_endpoint_flush(struct pm *pm)
{
	union codec_command command;

	return request(pm, codec_flush_addrs(&command, pm->family.id));
}

int pm_limits_set(struct pm *pm, const struct event_limits *limits)
{
	union codec_command command;

	return request(pm, codec_set_limits(&command, pm->family.id, limits));
}

/* Commands on a connection. While one is under way it may end, which is no fault of the command. */
static int ask_connection(struct pm *pm, struct nlmsghdr *command)
{
	int r = request(pm, command);

	return r == -EINVAL && strcmp(pm->socket.text, "invalid token") == 0 ? -ENOTCONN : r;
}

int pm_subflow_create(struct pm *pm, uint32_t token, const struct subflow_request *subflow)
{
	union codec_command command;

	return ask_connection(pm, codec_subflow_create(&command, pm->family.id, token, subflow));
}

int pm_subflow_destroy(struct pm *pm, uint32_t token, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, bool mapped)
{
	union codec_command command;

	return ask_connection(pm, codec_subflow_destroy(&command, pm->family.id, token, local,
							remote, mapped));
}

int pm_subflow_backup(struct pm *pm, uint32_t token, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, bool backup)
{
	union codec_command command;

	return ask_connection(pm, codec_set_backup(&command, pm->family.id, token, local, remote,
						   backup));
}

int pm_announce(struct pm *pm, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		uint32_t ifindex)
{
	union codec_command command;

	return ask_connection(pm,
			      codec_announce(&command, pm->family.id, token, addr, id, ifindex));
}

int pm_withdraw(struct pm *pm, uint32_t token, uint8_t id)
{
	union codec_command command;

	return request(pm, codec_remove(&command, pm->family.id, token, id));
}

int pm_is_userspace(struct pm *pm, uint32_t token)
{
	/* No subflow is between these two, so this command changes nothing. */
	const uint8_t loopback[4] = {127, 0, 0, 1};
	struct mptcpd_addr nobody = addr_v4(loopback, 1);
	int r = pm_subflow_destroy(pm, token, &nobody, &nobody, false);

	if (r == -ESRCH)
		return 1;
	return r == -EINVAL || r == -ENOTCONN ? 0 : r < 0 ? r : -EBADMSG;
}

bool pm_says_kernel(const struct pm *pm)
{
	return strstr(pm->socket.text, "userspace PM not selected");
}
