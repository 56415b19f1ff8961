/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link-health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "entry.h"

int health_apply(struct model *model, const struct event_health *event, uint64_t now_ms,
		 struct change *change)
{
	struct interface *interface = model_find_interface(model, event->ifindex);
	struct health *health;

	if (event->family != AF_INET && event->family != AF_INET6)
		return -EINVAL;
	if (!interface)
		return 0;
	health = &interface->health[health_index(event->family)];
	if (health->state == event->state)
		return 0;
	/* The other states are alike to policies, and not worth a plan. */
	change->host =
		health->state == MPTCPD_HEALTH_SILENT || event->state == MPTCPD_HEALTH_SILENT;
	change->type = CHANGE_INTERFACE_HEALTH;
	*health = (struct health){now_ms, event->state, event->reason};
	change->ifindex = interface->is.ifindex;
	memcpy(change->interface, interface->is.name, sizeof(change->interface));
	change->family = event->family;
	change->health = event->state;
	change->health_reason = event->reason;
	return 0;
}

void health_forget(struct interface *interface)
{
	memset(interface->health, 0, sizeof(interface->health));
}

enum mptcpd_health interface_health(const struct interface *interface)
{
	return interface->health[0].state > interface->health[1].state ? interface->health[0].state
								       : interface->health[1].state;
}

enum mptcpd_health subflow_health(const struct model *model, const struct subflow *subflow)
{
	const struct interface *interface =
		subflow->ifindex ? model_find_interface(model, subflow->ifindex) : NULL;

	if (subflow->is.silent)
		return MPTCPD_HEALTH_SILENT;
	return interface ? interface->health[health_index(subflow->local.family)].state
			 : MPTCPD_HEALTH_UNKNOWN;
}
