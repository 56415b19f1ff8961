/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mptcpd in little that has so many connections, with two subflows each, for what counts the work
 * of listing them. Says where its socket is; ends with its stdin.
 *
 *	list-server N
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus-scene.h"

static void on_end(void *data, int fd, uint32_t events)
{
	loop_quit(data);
}

int main(int argc, char **argv)
{
	struct scene *scene = scene_new(false);
	struct loop_source end = {.on_ready = on_end, .data = &scene->loop, .fd = STDIN_FILENO};
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;

	for (uint32_t token = 1; token <= n; token++) {
		scene_connect(scene, token);
		scene_join(scene, token);
		scene_measure(scene, token);
	}
	scene_settle(scene);
	g_assert_cmpint(loop_watch(&scene->loop, &end, LOOP_REST, EPOLLIN), ==, 0);
	printf("%s\n", scene->socket);
	fflush(stdout);
	g_assert_cmpint(loop_run(&scene->loop), ==, 0);
	loop_unwatch(&end);
	scene_free(scene);
	return 0;
}
