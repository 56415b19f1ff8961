/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plugin is opened and asked, without mptcpd and without a kernel: test-spare ./spare.so */
#include <mptcpd/addr.h>
#include <mptcpd/plugin.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* A plan that only remembers. */
struct memo {
	struct mptcpd_plan base; /* first member */
	struct mptcpd_path paths[8];
	size_t n_paths;
};

static int add_path(struct mptcpd_plan *plan, const struct mptcpd_path *path)
{
	struct memo *memo = (struct memo *)plan;

	memo->paths[memo->n_paths++] = *path;
	return 0;
}

static const struct mptcpd_path *get_path(struct mptcpd_plan *plan, size_t i)
{
	struct memo *memo = (struct memo *)plan;

	return i < memo->n_paths ? &memo->paths[i] : NULL;
}

static bool routable(const struct mptcpd_view *view, const struct mptcpd_local *local,
		     const struct mptcpd_addr *remote)
{
	(void)view;
	(void)local;
	(void)remote;
	return true;
}

static struct mptcpd_addr addr(uint8_t third, uint16_t port)
{
	return (struct mptcpd_addr){.ip = {10, 0, third, 1}, .port = port, .family = AF_INET};
}

static void check(bool good, const char *what)
{
	printf("%s: %s\n", good ? "ok" : "FAILED", what);
	if (!good)
		exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct mptcpd_local locals[3] = {
		{.addr = addr(1, 0), .ifindex = 1, .flags = MPTCPD_FLAG_SUBFLOW},
		{.addr = addr(2, 0), .ifindex = 2, .flags = MPTCPD_FLAG_SUBFLOW},
		{.addr = addr(3, 0), .ifindex = 3, .flags = MPTCPD_FLAG_SUBFLOW},
	};
	struct mptcpd_view view = {.size = sizeof(view),
				   .locals = {locals, 3, sizeof(locals[0])},
				   .routable = routable};
	struct mptcpd_subflow subflows[2] = {
		{.local = addr(1, 40000), .ifindex = 1, .state = MPTCPD_SUBFLOW_ESTABLISHED},
		{.local = addr(2, 40001), .ifindex = 2, .state = MPTCPD_SUBFLOW_ESTABLISHED},
	};
	struct mptcpd_connection connection = {.size = sizeof(connection),
					       .side = MPTCPD_SIDE_CLIENT,
					       .local = addr(1, 40000),
					       .remote = addr(9, 443),
					       .subflows = {subflows, 1, sizeof(subflows[0])}};
	struct memo memo = {
		.base = {.size = sizeof(memo.base), .add_path = add_path, .get_path = get_path}};
	void *object = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	const struct mptcpd_plugin *plugin = object ? dlsym(object, MPTCPD_PLUGIN_SYMBOL) : NULL;

	check(plugin && plugin->abi == MPTCPD_PLUGIN_ABI, "it is a plugin");
	plugin->plan_paths(NULL, &view, &connection, &memo.base);
	check(memo.n_paths == 3, "all links are tried while one works");
	memo.n_paths = 0;
	connection.subflows.n = 2;
	plugin->plan_paths(NULL, &view, &connection, &memo.base);
	check(memo.n_paths == 2 && memo.paths[1].ifindex == 2, "two that work are enough");
	memo.n_paths = 0;
	subflows[1].health = MPTCPD_HEALTH_SILENT;
	plugin->plan_paths(NULL, &view, &connection, &memo.base);
	check(memo.n_paths == 3, "one that is silent does not count");
	return EXIT_SUCCESS;
}
