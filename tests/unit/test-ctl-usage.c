/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpctl without a daemon: usage, help, exit codes; and what libmptcpctl exports. */
#include <glib.h>
#include <string.h>
#include <sys/wait.h>

/* Runs it with no daemon to be found. Returns its exit status. */
static int run(const char *words, char **ret_out, char **ret_err)
{
	g_autofree char *line = g_strdup_printf(MPTCPCTL "%s%s", *words ? " " : "", words);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	g_auto(GStrv) env =
		g_environ_setenv(g_get_environ(), "MPTCPCTL_SOCKET", "/nonexistent/control", TRUE);
	GError *error = NULL;
	int status;

	g_spawn_sync(NULL, argv, env, 0, NULL, NULL, ret_out, ret_err, &status, &error);
	g_assert_no_error(error);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect(const char *words, int status, const char *in_err)
{
	g_autofree char *out = NULL, *err = NULL;

	g_assert_cmpint(run(words, &out, &err), ==, status);
	g_assert_cmpstr(out, ==, "");
	if (!strstr(err, in_err))
		g_error("\"%s\" does not say \"%s\" but \"%s\"", words, in_err, err);
}

static void test_usage(void)
{
	expect("conection", 2, "did you mean \"connection\"");
	expect("conection --help", 2, "did you mean \"connection\"");
	expect("--jsn", 2, "\"--jsn\"");
	expect("--socket", 2, "--socket");
	expect("--socket=", 2, "--socket");
	expect("connection xyz", 2, "\"xyz\"");
	expect("connection 123456789", 2, "\"123456789\"");
	expect("connection 1 2", 2, "\"2\"");
	expect("explain", 2, "needs a token");
	expect("status now", 2, "\"now\"");
	expect("monitor now", 2, "\"now\"");
	expect("subflow add", 2, "TOKEN LOCAL REMOTE");
	expect("subflow add g 1.2.3.4 1.2.3.5:80", 2, "\"g\"");
	expect("subflow add 1 1.2.3.4 1.2.3.5", 2, "no port");
	expect("subflow add 1 1.2.3 1.2.3.5:80", 2, "\"1.2.3\"");
	expect("subflow add 1 ::1 1.2.3.5:80", 2, "different families");
	expect("subflow add 1 ::1 [::2]:80 id 256", 2, "\"256\"");
	expect("subflow add 1 ::1 [::2]:80 id", 2, "needs a value");
	expect("subflow add 1 ::1 [::2]:80 bakup", 2, "\"bakup\"");
	expect("subflow delete 1 1.2.3.4 1.2.3.5:80", 2, "no port");
	expect("subflow change 1 1.2.3.4 1.2.3.5 maybe", 2, "\"maybe\"");
}

static void test_no_daemon(void)
{
	static const char *const words[] = {
		"",	     "status",	 "connection --json",
		"subflow",   "endpoint", "limits",
		"interface", "policy",	 "monitor",
		"explain 1", "reload",	 "subflow add 1 ::1 [::2]:80 id 3 dev eth0",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		expect(words[i], 3, "no mptcpd is running (tried /nonexistent/control)");
	expect("--socket /nowhere/control", 3, "no mptcpd is running (tried /nowhere/control)");
	expect("subflow ad", 3, "no mptcpd"); /* a token, not an abbreviation */
}

static void test_help(void)
{
	static const char *const verbs[] = {"status",	   "connection",     "subflow",
					    "subflow add", "subflow delete", "subflow change",
					    "endpoint",	   "limits",	     "interface",
					    "policy",	   "explain",	     "monitor",
					    "reload"};
	g_autofree char *overview = NULL, *version = NULL;

	g_assert_cmpint(run("--help", &overview, NULL), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_autofree char *words = g_strdup_printf("%s --help", verbs[i]), *out = NULL;
		g_autofree char *line = g_strdup_printf("\n  %s", verbs[i]);

		g_assert_nonnull(strstr(overview, line));
		g_assert_cmpint(run(words, &out, NULL), ==, 0);
		g_assert_nonnull(strstr(out, verbs[i]));
	}
	g_assert_cmpint(run("--version", &version, NULL), ==, 0);
	g_assert_true(g_str_has_prefix(version, "mptcpctl "));
}

static void test_exports(void)
{
	g_auto(GStrv) argv =
		g_strsplit("nm -D --defined-only --format=posix " LIBMPTCPCTL, " ", -1);
	g_autofree char *out = NULL;
	g_auto(GStrv) lines = NULL;
	size_t n = 0;

	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL,
				   NULL, NULL));
	lines = g_strsplit(out, "\n", -1);
	for (size_t i = 0; lines[i] && *lines[i]; i++) {
		if (g_str_has_prefix(lines[i], "MPTCPCTL_"))
			continue; /* the name of a version */
		if (!g_str_has_prefix(lines[i], "mptcpctl_"))
			g_error("exported: %s", lines[i]);
		g_assert_nonnull(strstr(lines[i], "@@MPTCPCTL_0.1"));
		n++;
	}
	g_assert_cmpuint(n, >, 15);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ctl/usage/names-the-word-and-what-was-expected", test_usage);
	g_test_add_func("/ctl/usage/no-daemon-is-3", test_no_daemon);
	g_test_add_func("/ctl/help/complete", test_help);
	g_test_add_func("/libmptcpctl/exports-its-own-symbols-only", test_exports);
	return g_test_run();
}
