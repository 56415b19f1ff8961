/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fake kernel claims, asked of the real one. */
#include "kernel-fixture.h"
#include "scene.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (!enter_namespace())
		return 0;
	add_connection_scenarios();
	add_address_scenarios();
	add_endpoint_scenarios();
	add_host_scenarios();
	add_routing_scenarios();
	return g_test_run();
}
