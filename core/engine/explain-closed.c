/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a subflow ended, as far as it is known when its end is told. */
#include <stdio.h>

#include "addr.h"
#include "explain.h"

/* Its address or its link went: the reason of the kernel, and of us, to close it. */
static bool explain_lost(const struct engine *engine, const struct change *change,
			 struct explain_path *path)
{
	const struct interface *interface = model_find_interface(&engine->model, change->ifindex);
	char text[ADDR_TEXT_SIZE];

	if (interface && explain_link(interface, path))
		return true;
	if (!change->ifindex ||
	    (interface && model_find_local(&engine->model, &change->local, change->ifindex)))
		return false;
	explain_say(path, REASON_NO_ADDRESS, "the address %s is gone",
		    addr_format_host(&change->local, text));
	return true;
}

static void explain_decided(const struct engine *engine, const struct change *change,
			    const char *policy, struct explain_path *path)
{
	switch ((enum subflow_end)change->end) {
	case SUBFLOW_END_ADMIN:
		explain_say(path, REASON_HELD, "a person deleted it");
		break;
	case SUBFLOW_END_FORBIDDEN:
		explain_say(path, REASON_POLICY, "[policy:%s] forbids it", policy);
		break;
	case SUBFLOW_END_UNWANTED:
		if (!explain_lost(engine, change, path))
			explain_say(path, REASON_POLICY, "[policy:%s] wants it no more", policy);
		break;
	case SUBFLOW_END_ITSELF:
		if (!explain_lost(engine, change, path))
			explain_say(path, REASON_UNKNOWN,
				    "the peer closed it, or another program of this host");
		break;
	}
}

void engine_explain_closed(const struct engine *engine, const struct change *change,
			   const char *policy, struct explain_path *ret_path)
{
	static struct connection nobody;
	const struct explaining it = {.connection = &nobody};

	*ret_path = (struct explain_path){0};
	snprintf(ret_path->interface, sizeof(ret_path->interface), "%s",
		 model_interface_name(&engine->model, change->ifindex));
	if (change->end == SUBFLOW_END_ITSELF)
		explain_end(&it, change->error, change->reset, true, ret_path);
	if (!ret_path->reason)
		explain_decided(engine, change, policy && *policy ? policy : "-", ret_path);
}
