/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mptcpd in little that has so many connections, with two subflows each, for what counts the work
 * of listing them. Says where its socket is; ends with its stdin.
 *
 *	list-server N
 */
#include <stdlib.h>

#include "bus-scene.h"

int main(int argc, char **argv)
{
	struct scene *scene = scene_new(false);
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;

	for (uint32_t token = 1; token <= n; token++) {
		scene_connect(scene, token);
		scene_join(scene, token);
		scene_measure(scene, token);
	}
	scene_serve(scene);
	return 0;
}
