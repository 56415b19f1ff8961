/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions: one call each. mptcpd checks what they say. */
#include "client-private.h"

/* An "as"; NULL is empty. */
static void append_strings(struct mptcpctl *ctl, struct writer *writer, const char *const *strings)
{
	writer_open(writer, 'a', "s");
	for (; strings && *strings; strings++)
		argument_append(ctl, writer, *strings);
	writer_close(writer);
}

/* The options, of which there is one at most, a boolean. */
static void append_option(struct writer *writer, const char *name, bool value)
{
	writer_open(writer, 'a', "{sv}");
	if (value)
		writer_extra(writer, name, "b", 1);
	writer_close(writer);
}

/* The beginning of all calls about one subflow. */
static struct writer new_subflow_call(struct mptcpctl *ctl, const char *member, uint32_t token,
				      const struct mptcpctl_addr *local,
				      const struct mptcpctl_addr *remote)
{
	struct writer writer = handle_new_action(ctl, member);

	writer_append(&writer, "u", token);
	argument_append_addr(ctl, &writer, local);
	argument_append_addr(ctl, &writer, remote);
	return writer;
}

MPTCPCTL_EXPORT int mptcpctl_subflow_add(struct mptcpctl *ctl, uint32_t token,
					 const struct mptcpctl_subflow_request *request)
{
	struct writer writer =
		new_subflow_call(ctl, "AddSubflow", token, &request->local, &request->remote);

	writer_append(&writer, "y", request->local_id);
	argument_append(ctl, &writer, request->interface);
	writer_append(&writer, "b", request->backup);
	append_option(&writer, "initial-id", request->initial_id);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_subflow_delete(struct mptcpctl *ctl, uint32_t token,
					    const struct mptcpctl_addr *local,
					    const struct mptcpctl_addr *remote)
{
	struct writer writer = new_subflow_call(ctl, "DeleteSubflow", token, local, remote);

	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_subflow_change(struct mptcpctl *ctl, uint32_t token,
					    const struct mptcpctl_addr *local,
					    const struct mptcpctl_addr *remote, bool backup)
{
	struct writer writer = new_subflow_call(ctl, "ChangeSubflow", token, local, remote);

	writer_append(&writer, "b", backup);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

/* ---- announcements ---- */

MPTCPCTL_EXPORT int mptcpctl_announce(struct mptcpctl *ctl, uint32_t token,
				      const struct mptcpctl_addr *addr, uint8_t id,
				      const char *interface)
{
	struct writer writer = handle_new_action(ctl, "Announce");

	writer_append(&writer, "u", token);
	argument_append_addr(ctl, &writer, addr);
	writer_append(&writer, "y", id);
	argument_append(ctl, &writer, interface);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_withdraw(struct mptcpctl *ctl, uint32_t token, uint8_t id)
{
	struct writer writer = handle_new_action(ctl, "Withdraw");

	writer_append(&writer, "uy", token, id);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

/* ---- endpoints and limits ---- */

/* A call about one endpoint: by id, by address, or both. */
static struct writer new_endpoint_call(struct mptcpctl *ctl, const char *member, uint8_t id,
				       const struct mptcpctl_addr *addr)
{
	struct writer writer = handle_new_action(ctl, member);

	writer_append(&writer, "y", id);
	argument_append_addr(ctl, &writer, addr);
	return writer;
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_add(struct mptcpctl *ctl,
					  const struct mptcpctl_endpoint_request *request)
{
	struct writer writer = new_endpoint_call(ctl, "AddEndpoint", request->id, &request->addr);

	argument_append(ctl, &writer, request->interface);
	append_strings(ctl, &writer, request->flags);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_change(struct mptcpctl *ctl, uint8_t id,
					     const struct mptcpctl_addr *addr,
					     const char *const *set, const char *const *clear)
{
	struct writer writer = new_endpoint_call(ctl, "ChangeEndpoint", id, addr);

	append_strings(ctl, &writer, set);
	append_strings(ctl, &writer, clear);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_delete(struct mptcpctl *ctl, uint8_t id,
					     const struct mptcpctl_addr *addr)
{
	struct writer writer = new_endpoint_call(ctl, "DeleteEndpoint", id, addr);

	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_delete_initial(struct mptcpctl *ctl,
						     const struct mptcpctl_addr *addr)
{
	struct writer writer = new_endpoint_call(ctl, "DeleteEndpoint", 0, addr);

	append_option(&writer, "initial", true);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_endpoint_flush(struct mptcpctl *ctl)
{
	struct writer writer = handle_new_action(ctl, "FlushEndpoints");

	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

MPTCPCTL_EXPORT int mptcpctl_limits_set(struct mptcpctl *ctl, const struct mptcpctl_limits *limits)
{
	struct writer writer = handle_new_action(ctl, "SetLimits");

	writer_append(&writer, "uu", limits->subflows, limits->add_addr_accepted);
	writer_no_extras(&writer);
	return handle_call(ctl, &writer, NULL);
}

/* ---- the configuration ---- */

MPTCPCTL_EXPORT int mptcpctl_check_config(struct mptcpctl *ctl,
					  int (*on_result)(void *data, bool good, const char *text),
					  void *data)
{
	struct writer writer = handle_new_long_action(ctl, "CheckConfig");
	struct reader reader = {.arena = &ctl->arena};
	const char *text;
	bool good;
	int r = handle_call(ctl, &writer, &reader.m);

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
	struct writer writer = handle_new_long_action(ctl, "Reload");

	return handle_call(ctl, &writer, NULL);
}
