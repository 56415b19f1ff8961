/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions: one call each. mptcpd checks what they say. */
#include "client-private.h"

static int append_addr(sd_bus_message *m, const struct mptcpctl_addr *addr)
{
	return sd_bus_message_append(m, WIRE_ADDR, addr->address ? addr->address : "", addr->port);
}

/* An "as"; NULL is empty. */
static int append_strings(sd_bus_message *m, const char *const *strings)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	for (; r >= 0 && strings && *strings; strings++)
		r = sd_bus_message_append(m, "s", *strings);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What all calls about one subflow begin with. */
static int new_call(struct mptcpctl *ctl, const char *member, uint32_t token,
		    const struct mptcpctl_addr *local, const struct mptcpctl_addr *remote,
		    sd_bus_message **ret_m)
{
	int r = handle_new_change(ctl, member, ret_m);

	if (r >= 0)
		r = sd_bus_message_append(*ret_m, "u", token);
	if (r >= 0)
		r = append_addr(*ret_m, local);
	return r < 0 ? r : append_addr(*ret_m, remote);
}

MPTCPCTL_EXPORT int mptcpctl_subflow_add(struct mptcpctl *ctl, uint32_t token,
					 const struct mptcpctl_subflow_request *request)
{
	sd_bus_message *m = NULL;
	int r = new_call(ctl, "AddSubflow", token, &request->local, &request->remote, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "ysb", request->local_id,
					  request->interface ? request->interface : "",
					  request->backup);
	if (r >= 0)
		r = request->initial_id ? sd_bus_message_append(m, "a{sv}", 1, "initial-id", "b", 1)
					: sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_subflow_delete(struct mptcpctl *ctl, uint32_t token,
					    const struct mptcpctl_addr *local,
					    const struct mptcpctl_addr *remote)
{
	sd_bus_message *m = NULL;
	int r = new_call(ctl, "DeleteSubflow", token, local, remote, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_subflow_change(struct mptcpctl *ctl, uint32_t token,
					    const struct mptcpctl_addr *local,
					    const struct mptcpctl_addr *remote, bool backup)
{
	sd_bus_message *m = NULL;
	int r = new_call(ctl, "ChangeSubflow", token, local, remote, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "ba{sv}", backup, 0);
	return handle_call(ctl, m, r, NULL);
}

/* ---- announcements ---- */

MPTCPCTL_EXPORT int mptcpctl_announce(struct mptcpctl *ctl, uint32_t token,
				      const struct mptcpctl_addr *addr, uint8_t id,
				      const char *interface)
{
	sd_bus_message *m = NULL;
	int r = handle_new_change(ctl, "Announce", &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "u", token);
	if (r >= 0)
		r = append_addr(m, addr);
	if (r >= 0)
		r = sd_bus_message_append(m, "ysa{sv}", id, interface ? interface : "", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_withdraw(struct mptcpctl *ctl, uint32_t token, uint8_t id)
{
	sd_bus_message *m = NULL;
	int r = handle_new_change(ctl, "Withdraw", &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "uya{sv}", token, id, 0);
	return handle_call(ctl, m, r, NULL);
}

/* ---- endpoints and limits ---- */

/* A call about one endpoint: by id, by address, or both. */
static int new_endpoint_call(struct mptcpctl *ctl, const char *member, uint8_t id,
			     const struct mptcpctl_addr *addr, sd_bus_message **ret_m)
{
	const struct mptcpctl_addr none = {0};
	int r = handle_new_change(ctl, member, ret_m);

	if (r >= 0)
		r = sd_bus_message_append(*ret_m, "y", id);
	return r < 0 ? r : append_addr(*ret_m, addr ? addr : &none);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_add(struct mptcpctl *ctl,
					  const struct mptcpctl_endpoint_request *request)
{
	sd_bus_message *m = NULL;
	int r = new_endpoint_call(ctl, "AddEndpoint", request->id, &request->addr, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "s", request->interface ? request->interface : "");
	if (r >= 0)
		r = append_strings(m, request->flags);
	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_change(struct mptcpctl *ctl, uint8_t id,
					     const struct mptcpctl_addr *addr,
					     const char *const *set, const char *const *clear)
{
	sd_bus_message *m = NULL;
	int r = new_endpoint_call(ctl, "ChangeEndpoint", id, addr, &m);

	if (r >= 0)
		r = append_strings(m, set);
	if (r >= 0)
		r = append_strings(m, clear);
	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_delete(struct mptcpctl *ctl, uint8_t id,
					     const struct mptcpctl_addr *addr)
{
	sd_bus_message *m = NULL;
	int r = new_endpoint_call(ctl, "DeleteEndpoint", id, addr, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_delete_initial(struct mptcpctl *ctl,
						     const struct mptcpctl_addr *addr)
{
	sd_bus_message *m = NULL;
	int r = new_endpoint_call(ctl, "DeleteEndpoint", 0, addr, &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 1, "initial", "b", 1);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_flush(struct mptcpctl *ctl)
{
	sd_bus_message *m = NULL;
	int r = handle_new_change(ctl, "FlushEndpoints", &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "a{sv}", 0);
	return handle_call(ctl, m, r, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_limits_set(struct mptcpctl *ctl, const struct mptcpctl_limits *limits)
{
	sd_bus_message *m = NULL;
	int r = handle_new_change(ctl, "SetLimits", &m);

	if (r >= 0)
		r = sd_bus_message_append(m, "uua{sv}", limits->subflows, limits->add_addr_accepted,
					  0);
	return handle_call(ctl, m, r, NULL);
}

/* ---- the configuration ---- */

MPTCPCTL_EXPORT int mptcpctl_check_config(struct mptcpctl *ctl,
					  int (*on_result)(void *data, bool good, const char *text),
					  void *data)
{
	struct reader reader = {.arena = &ctl->arena};
	sd_bus_message *m = NULL;
	const char *text;
	bool good;
	int r = handle_new_long_change(ctl, "CheckConfig", &m);

	r = handle_call(ctl, m, r, &reader.m);
	if (r < 0)
		return r;
	good = reader_bool(&reader);
	text = reader_text(&reader);
	if (reader.error == 0)
		r = on_result(data, good, text ? text : "");
	return handle_finish(ctl, &reader, r);
}

MPTCPCTL_EXPORT int mptcpctl_reload(struct mptcpctl *ctl)
{
	sd_bus_message *m = NULL;
	int r = handle_new_long_change(ctl, "Reload", &m);

	return handle_call(ctl, m, r, NULL);
}
