/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all other tests take for granted of the fake kernel; the real one is asked the same. */
#include "scene.h"

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_connection_scenarios();
	add_address_scenarios();
	add_endpoint_scenarios();
	add_host_scenarios();
	add_routing_scenarios();
	return g_test_run();
}
