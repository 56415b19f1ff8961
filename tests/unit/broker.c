/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker.h"

#include <glib.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG                                                                                     \
	"<busconfig><type>system</type><listen>unix:path=%s/bus</listen>"                          \
	"<auth>EXTERNAL</auth><policy context=\"default\"><allow own=\"*\"/>"                      \
	"<allow send_type=\"*\"/><allow receive_type=\"*\"/><allow user=\"*\"/>"                   \
	"</policy><limit name=\"max_match_rules_per_connection\">140</limit></busconfig>"

static char *directory;
static GPid broker;

bool broker_start(void)
{
	g_autofree char *config = NULL, *file = NULL, *address = NULL, *line = NULL;
	g_auto(GStrv) argv = NULL;
	char byte;
	int out;

	directory = g_dir_make_tmp("mptcpd-XXXXXX", NULL);
	g_assert_no_errno(chmod(directory, 0755));
	config = g_strdup_printf(CONFIG, directory);
	file = g_strdup_printf("%s/config", directory);
	g_assert_true(g_file_set_contents(file, config, -1, NULL));
	line = g_strdup_printf("dbus-daemon --nofork --print-address=1 --config-file=%s", file);
	argv = g_strsplit(line, " ", -1);
	if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &broker,
				      NULL, &out, NULL, NULL))
		return false;
	g_assert_cmpint(read(out, &byte, 1), ==, 1); /* it is ready */
	close(out);
	address = g_strdup_printf("unix:path=%s/bus", directory);
	g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
	return true;
}

void broker_stop(void)
{
	static const char *const names[] = {"bus", "config"};

	kill(broker, SIGTERM);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(directory, names[i], NULL);

		unlink(path);
	}
	rmdir(directory);
	g_free(directory);
}
