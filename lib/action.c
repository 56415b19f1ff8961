/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions: one call each. mptcpd checks what they say. */
#include "client-private.h"

static int append_addr(sd_bus_message *m, const struct mptcpctl_addr *addr)
{
	return sd_bus_message_append(m, WIRE_ADDR, addr->address ? addr->address : "", addr->port);
}

/* What all calls about one subflow begin with. */
static int new_call(struct mptcpctl *ctl, const char *member, uint32_t token,
		    const struct mptcpctl_addr *local, const struct mptcpctl_addr *remote,
		    sd_bus_message **ret_m)
{
	int r = handle_new_call(ctl, member, ret_m);

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
		r = sd_bus_message_append(m, "ysba{sv}", request->local_id,
					  request->interface ? request->interface : "",
					  request->backup, 0);
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

MPTCPCTL_EXPORT int mptcpctl_reload(struct mptcpctl *ctl)
{
	sd_bus_message *m = NULL;
	int r = handle_new_call(ctl, "Reload", &m);

	return handle_call(ctl, m, r, NULL);
}
