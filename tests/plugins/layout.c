/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plugins that were built with another <mptcpd/plugin.h> than today's: their struct mptcpd_plugin is
 * written down here, of before this ABI was what it is, of its first version, or longer than today.
 */
#include <mptcpd/plugin.h>

struct plugin {
	uint32_t abi, size;
	const char *name, *summary;
	const struct mptcpd_setting *settings;
	size_t n_settings, memory_size;
	int (*start)(const struct mptcpd_start *start, void **data);
	void (*stop)(void *data);
	void (*plan_endpoints)(void *data, const struct mptcpd_view *view,
			       struct mptcpd_plan *plan);
	void (*plan_paths)(void *data, const struct mptcpd_view *view,
			   const struct mptcpd_connection *connection, struct mptcpd_plan *plan);
#if LAYOUT > 0
	uint32_t needs, reserved;
#endif
#if LAYOUT > 1
	void (*plan_what_nobody_thought_of)(void);
#endif
	char behind[64]; /* belongs to somebody else */
};

static void plan_paths(void *data, const struct mptcpd_view *view,
		       const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	struct mptcpd_path path = {.local = connection->local, .remote = connection->remote};

	plan->add_path(plan, &path);
}

MPTCPD_PLUGIN_EXPORT const struct plugin mptcpd_plugin = {
	.abi = 2,
	.size = offsetof(struct plugin, behind),
	.name = LAYOUT_NAME,
	.summary = "for tests",
	.plan_paths = plan_paths,
#if LAYOUT > 0
	.needs = MPTCPD_NEED_MEASURES,
#endif
#if LAYOUT > 1
	.plan_what_nobody_thought_of = (void (*)(void))8,
#endif
	.behind = "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377",
};
