/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpctl without a daemon: usage, help, exit codes; and what libmptcpctl exports. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

/* Runs it with no daemon to be found. Returns its exit status. */
static int run_program(const char *program, const char *words, char **ret_out, char **ret_err)
{
	g_autofree char *line = g_strdup_printf("%s%s%s", program, *words ? " " : "", words);
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

static int run(const char *words, char **ret_out, char **ret_err)
{
	return run_program(MPTCPCTL, words, ret_out, ret_err);
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

/* Words are cut, mistaken, or come from another tool. */
static void test_words(void)
{
	expect("connections", 2, "did you mean \"connection\"?");
	expect("show", 2, "did you mean \"config show\"?");
	expect("add", 2, "did you mean \"subflow add\" or \"endpoint add\"?");
	expect("xyzzy", 2, "unknown command \"xyzzy\"\n");
	expect("e", 2, "\"e\" could be \"endpoint\" or \"explain\"");
	expect("con", 2, "\"con\" could be \"connection\" or \"config\"");
	expect("mon", 3, "no mptcpd");
	expect("end fl", 3, "no mptcpd");
	expect("endpoint show", 3, "no mptcpd");
	expect("connection list dev eth0", 3, "no mptcpd");
	expect("reload show", 2, "\"show\"");
	expect("help nosuch", 2, "unknown command \"nosuch\"");
	expect("help status now", 2, "\"now\"");
}

static void test_usage_listings(void)
{
	expect("connection dev", 2, "\"dev\" needs a value, expected dev IF");
	expect("connection to", 2, "\"to\" needs a value, expected to PREFIX");
	expect("subflow policy", 2, "\"policy\" needs a value, expected policy NAME");
	expect("subflow state", 2, "\"state\" needs a value, expected state STATE");
	expect("connection to 1.2.3", 2, "\"1.2.3\" is no address");
	expect("connection to 10.0.0.0/33", 2, "\"10.0.0.0/33\"");
	expect("connection state lost", 2, "expected created, established");
	expect("connection dve eth0", 2, "\"dve\"");
	expect("connection dev eth0 f1aceb40", 2, "expected dev, to, policy or state");
	expect("connection dev eth0 dev eth1", 2, "\"dev\" stands twice, expected it once");
	expect("subflow state closing to ::1 state created", 2, "\"state\" stands twice");
	expect("subflow 1 2", 2, "\"2\"");
	expect("interface a b", 2, "\"b\"");
	expect("--color", 2, "auto, always or never");
	expect("--color=blue", 2, "\"blue\" is no time for colour, expected auto, always or never");
	expect("--watch=0 status", 2, "0.1 to 86400");
	expect("--watch=x status", 2, "\"x\"");
	expect("-w 12345678", 2, "0.1 to 86400");
	expect("-w reload", 2, "\"reload\" is no listing");
	expect("--bus --socket /x status", 2, "exclude each other");
	expect("-w 0.5 status", 3, "no mptcpd");
	expect("status --watch", 3, "no mptcpd");
}

/* However long a word is, it is told whole, and what was expected behind it. */
static void test_long_words(void)
{
	static const char *const cases[][2] = {
		{"connection %s", "\"%s\" is no token, expected hex"},
		{"connection 1 %s", "unexpected \"%s\", expected dev, to, policy or state"},
		{"connection dev eth0 %s x", "unexpected \"%s\", expected dev, to"},
		{"connection to %s", "\"%s\" is no address, expected ADDRESS, ADDRESS/BITS"},
		{"subflow state %s", "\"%s\" is no state, expected created, established"},
		{"subflow add 1 %s 1.2.3.4:5", "\"%s\" is no address, expected ADDRESS"},
		{"endpoint delete %s", "\"%s\" is no address, expected ADDRESS"},
		{"doctor --peer %s", "\"%s\" is no peer, expected HOST[:PORT]"},
		{"limits set subflows %s", "\"%s\" is no limit, expected 0 to 65535"},
		{"-w=%s", "\"-w=%s\", expected --json"},
	};
	g_autofree char *word = g_strnfill(3000, ':');

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) words = g_strsplit(cases[i][0], "%s", -1);
		g_auto(GStrv) said = g_strsplit(cases[i][1], "%s", -1);
		g_autofree char *line = g_strjoinv(word, words);
		g_autofree char *in_err = g_strjoinv(word, said);

		expect(line, 2, in_err);
	}
}

/* An empty word is none: what a script left out must not become "any". */
static void test_empty_words(void)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
		{"subflow add 1 1.2.3.4 1.2.3.5:80 dev ", "dev"},
		{"subflow add 1 1.2.3.4 1.2.3.5:80 id ", "id"},
		{"announce 1 1.2.3.4 id 1 dev ", "dev"},
		{"endpoint add 1.2.3.4 dev ", "dev"},
		{"endpoint id ", "id"},
		{"limits set subflows ", "subflows"},
		{"policy test 1.2.3.4 1.2.3.5 interface ", "interface"},
		{"connection dev ", "dev"},
		{"connection policy ", "policy"},
		{"subflow to ", "to"},
	};

	expect("config check ", 2, "config check needs the name of FILE, or none");
	expect("config import ", 2, "config import needs one FILE");
	expect("interface ", 2, "\"\" is no interface");
	expect("explain ", 2, "\"\" is no token");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *said = g_strdup_printf("\"%s\" needs a value", cases[i].word);

		expect(cases[i].line, 2, said);
	}
}

/* What has a value stands once; a value may be such a word. */
static void test_repeated_words(void)
{
	static const char *const lines[][2] = {
		{"subflow add 1 ::1 [::2]:80 id 4 backup id 5", "id"},
		{"subflow add 1 ::1 [::2]:80 dev a dev a", "dev"},
		{"announce 1 ::1 id 4 port 80 id 5", "id"},
		{"announce 1 ::1 id 4 port 80 port 81", "port"},
		{"announce 1 ::1 dev a id 4 dev b", "dev"},
		{"endpoint add ::1 id 4 subflow id 5", "id"},
		{"endpoint add ::1 dev a dev b", "dev"},
		{"endpoint add ::1 signal port 80 port 81", "port"},
		{"limits set subflows 1 subflows 2", "subflows"},
		{"limits set add_addr_accepted 1 subflows 1 add_addr_accepted 1",
		 "add_addr_accepted"},
		{"policy test ::1 ::2 side client side server", "side"},
		{"policy test ::1 ::2 uid 1 mark 1 uid 2", "uid"},
		{"policy test ::1 ::2 mark 1 mark 1", "mark"},
		{"policy test ::1 ::2 cgroup /a cgroup /b", "cgroup"},
		{"policy test ::1 ::2 interface a interface b", "interface"},
		{"subflow policy dev dev a policy b", "policy"},
	};
	static const char *const good[] = {
		"subflow add 1 ::1 [::2]:80 dev id id 4 backup",
		"announce 1 ::1 dev port id 4 port 80",
		"endpoint add ::1 dev dev id 4 subflow signal port 80",
		"policy test ::1 ::2 interface mark mark 1 side client uid 0 cgroup /",
		"connection dev policy to ::1 policy dev",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *said =
			g_strdup_printf("\"%s\" stands twice, expected it once", lines[i][1]);

		expect(lines[i][0], 2, said);
	}
	expect("policy test ::1 ::2 dev a interface a", 2, "\"interface\" and \"dev\" are one");
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		expect(good[i], 3, "no mptcpd is running");
}

/* In brackets stands an address of IPv6, and nothing else does. */
static void test_brackets(void)
{
	static const char *const words[] = {"[10.0.0.1]:80", "[10.0.0.1]", "[host]:80", "[host]",
					    "[:]:80"};
	static const char *const lines[][2] = {
		{"doctor --peer %s",
		 "\"%s\" is no peer: brackets hold an address of IPv6, expected "},
		{"connection to %s", "\"%s\" is no address, expected "},
		{"subflow add 1 10.0.0.2 %s", "\"%s\" is no address, expected "},
		{"subflow change 1 %s 10.0.0.2", "\"%s\" is no address, expected "},
		{"policy test %s 10.0.0.2", "\"%s\" is no address, expected "},
		{"endpoint delete %s", "\"%s\" is no address, expected "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words) * G_N_ELEMENTS(lines); i++) {
		const char *word = words[i / G_N_ELEMENTS(lines)];
		const char *const *pair = lines[i % G_N_ELEMENTS(lines)];
		g_auto(GStrv) before = g_strsplit(pair[0], "%s", -1);
		g_auto(GStrv) said = g_strsplit(pair[1], "%s", -1);
		g_autofree char *line = g_strjoinv(word, before);
		g_autofree char *in_err = g_strjoinv(word, said);

		expect(line, 2, in_err);
	}
}

static void test_usage_announce(void)
{
	expect("announce 1", 2, "TOKEN ADDRESS id N");
	expect("announce g 1.2.3.4 id 1", 2, "\"g\"");
	expect("announce 1 1.2.3.4:80 id 1", 2, "without a port");
	expect("announce 1 1.2.3.4", 2, "id N");
	expect("announce 1 1.2.3.4 id 0", 2, "1 to 255");
	expect("announce 1 1.2.3.4 id 1 port 65536", 2, "\"65536\"");
	expect("announce 1 1.2.3.4 id 1 prot 80", 2, "\"prot\"");
	expect("withdraw 1", 2, "TOKEN id N");
	expect("withdraw 1 2 id", 2, "unexpected \"2\", expected TOKEN id N");
	expect("withdraw 1 id 256", 2, "\"256\"");
	expect("withdraw 1 id 2 3", 2, "\"3\"");
}

static void test_usage_endpoint(void)
{
	expect("endpoint now", 2, "\"now\"");
	expect("endpoint id", 2, "needs a value");
	expect("endpoint id 0", 2, "1 to 255");
	expect("endpoint add", 2, "needs an address");
	expect("endpoint add 1.2.3", 2, "\"1.2.3\"");
	expect("endpoint add 1.2.3.4 subflwo", 2, "\"subflwo\"");
	expect("endpoint add 1.2.3.4 port 80", 2, "\"signal\"");
	expect("endpoint add 1.2.3.4 dev", 2, "needs a value");
	expect("endpoint change", 2, "id N or ADDRESS");
	expect("endpoint change id 4", 2, "nothing to change");
	expect("endpoint change id 4 nosignal", 2, "\"nosignal\"");
	expect("endpoint change id 4 n", 2, "\"n\"");
	expect("endpoint change id 4 nobackup backup", 2, "exclude each other");
	expect("endpoint delete id 4 1.2.3.4 x", 2, "\"x\"");
	expect("endpoint delete id -1", 2, "\"-1\"");
	expect("endpoint delete id 0", 2, "id 0 ADDRESS");
	expect("endpoint change id 0 backup", 2, "1 to 255");
	expect("endpoint flush all", 2, "\"all\"");
	expect("limits get", 2, "\"get\"");
	expect("limits set", 2, "nothing to set");
	expect("limits set subflows", 2, "needs a value");
	expect("limits set subflows many", 2, "\"many\"");
	expect("doctor now", 2, "\"now\"");
	expect("doctor --peer", 2, "needs a HOST");
	expect("doctor --peer x;y", 2, "\"x;y\"");
	expect("doctor --peer [::1", 2, "\"[::1\"");
	expect("doctor --peer x:65536", 2, "\"65536\"");
	expect("status --peer x", 2, "doctor alone");
	expect("config sho now", 2, "\"now\"");
	expect("config check a b", 2, "\"b\"");
	expect("config foo", 2, "unexpected \"foo\", expected show, check or import");
	expect("policy foo", 2, "unexpected \"foo\", expected test");
}

/* Without a daemon, mptcpd's own code looks at the files. */
static void test_config_check(void)
{
	g_autofree char *directory = g_dir_make_tmp("mptcpctl-XXXXXX", NULL);
	g_autofree char *file = g_strdup_printf("%s/conf", directory);
	g_autofree char *content =
		g_strdup("#!/bin/sh\ntest \"$*\" = \"--check-config --config x\"\n");
	g_autofree char *script = g_strdup_printf("%s/mptcpd", directory);
	g_autofree char *check = g_strdup_printf("config check %s", file);
	g_autofree char *fault = g_strdup_printf("%s:2: ", file);

	g_assert_true(g_file_set_contents(file, "[core]\npath-manager = userspcae\n", -1, NULL));
	g_setenv("MPTCPD", MPTCPD, TRUE);
	expect(check, 1, fault);
	/* One that finds nothing wrong, if it is asked the right thing. */
	g_assert_true(g_file_set_contents_full(script, content, -1, G_FILE_SET_CONTENTS_NONE, 0755,
					       NULL));
	g_setenv("MPTCPD", script, TRUE);
	expect("config check x", 0, "");
	expect("config check y", 1, "");
	g_setenv("MPTCPD", "/nonexistent/mptcpd", TRUE);
	expect(check, 1, "cannot run /nonexistent/mptcpd");
	g_unsetenv("MPTCPD");
	g_unlink(script);
	g_unlink(file);
	g_rmdir(directory);
}

/* Of mptcpd itself: the word is named, and nothing begins. */
static void test_daemon_usage(void)
{
	static const char *const cases[][2] = {
		{"--nosuch", "'--nosuch'"},
		{"-x", "'x'"},
		{"--check-config now", "unexpected argument 'now'"},
		{"--check-config=1", "'--check-config'"},
		{"--instance a/b", "'a/b'"},
		{"--config", "'--config'"},
		{"--check-config --config=", "--config needs a value"},
		{"--check-config --config ", "--config needs a value"},
		{"--check-config --runtime-directory=", "--runtime-directory needs a value"},
		{"--check-config --plugin-directory ", "--plugin-directory needs a value"},
		{"--instance=", "no instance is called ''"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *err = NULL;

		g_assert_cmpint(run_program(MPTCPD, cases[i][0], NULL, &err), ==, 2);
		g_assert_nonnull(strstr(err, cases[i][1]));
	}
}

/* What it prints is a configuration, and what it cannot translate is told by its line. */
static void expect_import(const char *content, int status, const char *in_out, const char *in_err)
{
	g_autofree char *directory = g_dir_make_tmp("mptcpctl-XXXXXX", NULL);
	g_autofree char *file = g_strdup_printf("%s/conf", directory);
	g_autofree char *import = g_strdup_printf("config import %s", file);
	g_autofree char *check = g_strdup_printf("config check %s", file);
	g_autofree char *script = g_strdup_printf("%s/mptcpd", directory);
	g_autofree char *out = NULL, *err = NULL;

	g_assert_true(g_file_set_contents_full(script,
					       "#!/bin/sh\nexec " MPTCPD
					       " --plugin-directory " PLUGINS " $*\n",
					       -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
	g_assert_true(g_file_set_contents(file, content, -1, NULL));
	g_assert_cmpint(run(import, &out, &err), ==, status);
	g_assert_nonnull(strstr(out, in_out));
	g_assert_nonnull(strstr(err, in_err));
	g_setenv("MPTCPD", script, TRUE);
	expect(check, 1, "'mptcpctl config import ");
	g_assert_true(g_file_set_contents(file, out, -1, NULL));
	expect(check, 0, "");
	g_unsetenv("MPTCPD");
	g_unlink(script);
	g_unlink(file);
	g_rmdir(directory);
}

static void expect_long_line(void)
{
	g_autofree char *directory = g_dir_make_tmp("mptcpctl-XXXXXX", NULL);
	g_autofree char *file = g_strdup_printf("%s/conf", directory);
	g_autofree char *import = g_strdup_printf("config import %s", file);
	g_autofree char *line = g_strnfill(4095, '#');
	g_autofree char *content = g_strdup_printf("%s\n%s\n", line + 1, line);
	g_autofree char *out = NULL, *err = NULL;

	g_assert_true(g_file_set_contents(file, content, -1, NULL));
	g_assert_cmpint(run(import, &out, &err), ==, 1);
	g_assert_true(g_str_has_suffix(err, "conf:2: a line of more than 4094 bytes\n"));
	g_unlink(file);
	g_rmdir(directory);
}

static void test_config_import(void)
{
	expect_import("# x\n[core]\nlog=journal\nplugin-dir=/usr/lib/mptcpd\n"
		      "path-manager=addr_adv\nnotify-flags=existing,skip_loopback\n",
		      0, "[core]\npath-manager = kernel\n\n[endpoints]\nflags = subflow\n", "");
	expect_import("[core]\naddr-flags = signal, backup\n", 0, "flags = signal,backup\n", "");
	expect_import("[core]\npath-manager = sspi\n", 0,
		      "plugin = fullmesh\npairing = per-interface\n", "");
	expect_import("[core]\naddr-flags=backup,x\nmore=1\nlog\n", 1, "flags = backup\n",
		      "conf:2: unknown flag \"x\"\n");
	expect("config import /nonexistent/file", 1, "/nonexistent/file cannot be read: ");
	expect("config import", 2, "needs one FILE");
	expect_long_line();
}

static void test_no_daemon(void)
{
	static const char *const words[] = {
		"",
		"status",
		"connection --json",
		"subflow",
		"endpoint",
		"limits",
		"interface",
		"policy",
		"policy test ::1 [::2]:80 side server uid 1 mark 0xff cgroup / interface eth0",
		"monitor",
		"explain",
		"explain 1",
		"reload",
		"subflow add 1 ::1 [::2]:80 id 3 dev eth0",
		"announce 1 ::1 id 3",
		"withdraw 1 id 3",
		"endpoint add ::1",
		"endpoint change ::1 backup",
		"endpoint delete ::1",
		"endpoint flush",
		"limits set subflows 1",
		"config",
		"config check",
		"config show",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		expect(words[i], 3, "no mptcpd is running (tried /nonexistent/control)");
	expect("--socket /nowhere/control", 3, "no mptcpd is running (tried /nowhere/control)");
	expect("subflow ad", 3, "no mptcpd"); /* a token, not an abbreviation */
}

static void test_help(void)
{
	static const char *const verbs[] = {"status",	      "connection",	 "subflow",
					    "subflow add",    "subflow delete",	 "subflow change",
					    "announce",	      "withdraw",	 "endpoint",
					    "endpoint add",   "endpoint change", "endpoint delete",
					    "endpoint flush", "limits",		 "limits set",
					    "config",	      "config show",	 "config check",
					    "interface",      "policy",		 "policy test",
					    "explain",	      "doctor",		 "monitor",
					    "reload"};
	g_autofree char *overview = NULL, *version = NULL, *help = NULL, *one = NULL;

	g_assert_cmpint(run("--help", &overview, NULL), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_autofree char *words = g_strdup_printf("%s --help", verbs[i]), *out = NULL;
		g_autofree char *line = g_strdup_printf("\n  %s", verbs[i]);

		g_assert_nonnull(strstr(overview, line));
		g_assert_cmpint(run(words, &out, NULL), ==, 0);
		g_assert_nonnull(strstr(out, verbs[i]));
	}
	g_assert_cmpint(run("help", &help, NULL), ==, 0);
	g_assert_cmpstr(help, ==, overview);
	g_assert_cmpint(run("help endpoint flush", &one, NULL), ==, 0);
	g_assert_nonnull(strstr(one, "Usage: mptcpctl [OPTION…] endpoint flush"));
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
	g_test_add_func("/ctl/usage/words-are-cut-or-mistaken", test_words);
	g_test_add_func("/ctl/usage/listings-and-options", test_usage_listings);
	g_test_add_func("/ctl/usage/long-words-are-told-whole", test_long_words);
	g_test_add_func("/ctl/usage/empty-words-are-none", test_empty_words);
	g_test_add_func("/ctl/usage/what-has-a-value-stands-once", test_repeated_words);
	g_test_add_func("/ctl/usage/brackets-hold-ipv6", test_brackets);
	g_test_add_func("/ctl/usage/announcements", test_usage_announce);
	g_test_add_func("/ctl/usage/endpoints-limits-and-configuration", test_usage_endpoint);
	g_test_add_func("/ctl/config/check-runs-mptcpd-where-none-answers", test_config_check);
	g_test_add_func("/mptcpd/usage/names-the-word-and-what-was-expected", test_daemon_usage);
	g_test_add_func("/ctl/config/import-makes-a-good-file", test_config_import);
	g_test_add_func("/ctl/usage/no-daemon-is-3", test_no_daemon);
	g_test_add_func("/ctl/help/complete", test_help);
	g_test_add_func("/libmptcpctl/exports-its-own-symbols-only", test_exports);
	return g_test_run();
}
