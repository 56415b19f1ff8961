/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize: names of units, what their files say, and what is written beside them. */
#include <errno.h>
#include <glib.h>

#include "drop-in.h"
#include "unit-name.h"

static const struct drop_in_tools tools = {.program = "/opt/a b/mptcpize",
					   .library = "/lib/m%z.so"};

/* ---- names ---- */

static void names_are_completed(void)
{
	static const struct {
		const char *text, *name;
		enum unit_type type;
	} good[] = {
		{"nginx", "nginx.service", UNIT_SERVICE},
		{"nginx.service", "nginx.service", UNIT_SERVICE},
		{"ssh.socket", "ssh.socket", UNIT_SOCKET},
		{"org.example.thing", "org.example.thing.service", UNIT_SERVICE},
		{"foo@bar", "foo@bar.service", UNIT_SERVICE},
		{"foo@.service", "foo@.service", UNIT_SERVICE},
		{"a@b@c.socket", "a@b@c.socket", UNIT_SOCKET},
		{"dev-sd\\x2da", "dev-sd\\x2da.service", UNIT_SERVICE},
		{"..", "...service", UNIT_SERVICE},
		{"-x", "-x.service", UNIT_SERVICE},
	};
	char name[UNIT_NAME_SIZE];
	enum unit_type type;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_assert_cmpint(unit_name_complete(good[i].text, name, &type), ==, 0);
		g_assert_cmpstr(name, ==, good[i].name);
		g_assert_cmpint(type, ==, good[i].type);
	}
	g_assert_true(unit_name_is_template("foo@.service"));
	g_assert_false(unit_name_is_template("foo@a.service"));
	g_assert_false(unit_name_is_template("foo.service"));
}

static void names_are_refused(void)
{
	static const char *const bad[] = {"",	      "a;b",	    "../x", "a/b",	"/x",
					  "a b",      "a\nb",	    "$(x)", "`x`",	"a|b",
					  ".service", "@a.service", "a*",   "\xc3\xa9", "a%n",
					  "a\"b",     ".",	    "a,b"};
	static const char *const other[] = {"a.timer", "a.target", "a.mount", "-.slice", "a.scope"};
	g_autofree char *length = g_strnfill(247, 'a'), *too_long = g_strnfill(248, 'a');
	char name[UNIT_NAME_SIZE];
	enum unit_type type;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpint(unit_name_complete(bad[i], name, &type), ==, -EINVAL);
	for (size_t i = 0; i < G_N_ELEMENTS(other); i++)
		g_assert_cmpint(unit_name_complete(other[i], name, &type), ==, -EOPNOTSUPP);
	g_assert_cmpint(unit_name_complete(length, name, &type), ==, 0);
	g_assert_cmpint(unit_name_complete(too_long, name, &type), ==, -EINVAL);
}

/* ---- what files say ---- */

static void assert_commands(const char *text, const char *const *wanted)
{
	struct unit_file unit = {0};
	size_t n = 0;

	g_assert_cmpint(unit_file_add(&unit, text), ==, 0);
	for (; wanted[n]; n++) {
		g_assert_cmpuint(unit.n_commands, >, n);
		g_assert_cmpstr(unit.commands[n], ==, wanted[n]);
	}
	g_assert_cmpuint(unit.n_commands, ==, n);
	unit_file_done(&unit);
}

#define COMMANDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void commands_are_read(void)
{
	assert_commands("[Service]\nExecStart=/bin/a b", COMMANDS("/bin/a b"));
	assert_commands("\xef\xbb\xbf[Service]\r\n  ExecStart = -@/bin/a  b \r\n",
			COMMANDS("-@/bin/a  b"));
	/* of other sections, or behind a comment, or of another name */
	assert_commands(
		"ExecStart=/no\n[Unit]\nExecStart=/no\n[Service]\n#ExecStart=/no\n"
		";ExecStart=/no\nExecStartPre=/no\nExecStart=/bin/a\n[Install]\nExecStart=/no",
		COMMANDS("/bin/a"));
	/* over several lines, with comments in between */
	assert_commands("[Service]\nExecStart=/bin/a \\\n# no\n  b \\\n  c\nExecStart=/bin/d",
			COMMANDS("/bin/a    b    c", "/bin/d"));
	assert_commands("[Service]\nExecStart=/bin/a b\\\\\nExecStart=/bin/c",
			COMMANDS("/bin/a b\\\\", "/bin/c"));
	assert_commands("[Service]\nExecStart=/bin/a b\\\\\\\nc\nExecStart=/bin/d",
			COMMANDS("/bin/a b\\\\ c", "/bin/d"));
	/* a comment goes on nowhere */
	assert_commands("# no \\\n[Service]\n# ExecStart=/no \\\nExecStart=/bin/a\n; no \\\n"
			"ExecStart=/bin/b \\\n# no \\\n c",
			COMMANDS("/bin/a", "/bin/b   c"));
	/* several in one line */
	assert_commands("[Service]\nExecStart=/bin/a ';' \";\" \\; x;y ; -/bin/b ;; ; /bin/c ;",
			COMMANDS("/bin/a ';' \";\" \\; x;y", "-/bin/b ;;", "/bin/c"));
	assert_commands("[Service]\nExecStart=/n -g 'on; on;'", COMMANDS("/n -g 'on; on;'"));
	/* a line without a value takes back what came before */
	assert_commands("[Service]\nExecStart=/no\nExecStart=\nExecStart=/bin/a",
			COMMANDS("/bin/a"));
}

/* What comes after our drop-in is run beside the commands that it repeats, unless it takes them back. */
static void late_commands_are_known(void)
{
	struct unit_file unit = {0};

	g_assert_cmpint(unit_file_add(&unit, "[Service]\nExecStart=/bin/a"), ==, 0);
	g_assert_false(unit.has_late_commands);
	unit.is_late = true;
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nExecStartPre=/bin/b"), ==, 0);
	g_assert_false(unit.has_late_commands);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nExecStart=/bin/b"), ==, 0);
	g_assert_true(unit.has_late_commands);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nExecStart=\nExecStart=/bin/c"), ==, 0);
	g_assert_false(unit.has_late_commands);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nExecStart=/bin/d"), ==, 0);
	g_assert_false(unit.has_late_commands);
	g_assert_cmpuint(unit.n_commands, ==, 2);
	unit_file_done(&unit);
}

static void environment_is_read(void)
{
	struct unit_file unit = {0};

	g_assert_cmpint(unit_file_add(&unit,
				      "[Service]\n"
				      "Environment=A=1 \"LD_PRELOAD=/a b.so\" LD_PRELOADS=no\n"
				      "Environment='GODEBUG=x=1,\\x41=%i' B=\"LD_PRELOAD=no\"\n"),
			==, 0);
	g_assert_cmpstr(unit.preload, ==, "/a b.so");
	g_assert_cmpstr(unit.godebug, ==, "x=1,A=%i");
	g_assert_false(unit.unsets);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nEnvironment=LD_PRELOAD=/c.so\n"), ==, 0);
	g_assert_cmpstr(unit.preload, ==, "/c.so");
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nEnvironment=\nUnsetEnvironment=A GODEBUG"),
			==, 0);
	g_assert_null(unit.preload);
	g_assert_null(unit.godebug);
	g_assert_true(unit.unsets);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nUnsetEnvironment=\n"), ==, 0);
	g_assert_false(unit.unsets);
	g_assert_false(unit.has_bad_quotes);
	g_assert_cmpint(unit_file_add(&unit, "[Service]\nEnvironment=\"A=1\n"), ==, 0);
	g_assert_true(unit.has_bad_quotes);
	unit_file_done(&unit);
}

static void programs_are_found(void)
{
	static const struct {
		const char *command, *program;
	} good[] = {{"-@+/bin/a b", "/bin/a"},
		    {"\"/a b\" c", "/a b"},
		    {"!!/a\\x20b", "/a b"},
		    {":a", "a"}};
	static const char *const unknown[] = {"/opt/%i/a", "$HOME/a", "-", ""};
	char *program;

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_assert_cmpint(unit_file_program(good[i].command, &program), ==, 0);
		g_assert_cmpstr(program, ==, good[i].program);
		free(program);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
		g_assert_cmpint(unit_file_program(unknown[i], &program), ==, -ENOENT);
}

/* Whatever is in a file, nothing is read behind its end. */
static void noise_is_survived(void)
{
	static const char parts[] = "[Service]\n=ExecStart Environment\\\"';#LD_PRELOAD$%@ \r\t";

	for (int i = 0; i < 20000; i++) {
		g_autoptr(GString) text = g_string_new("[Service]\nExecStart=");
		struct unit_file unit = {0};
		char *written;

		for (int n = g_test_rand_int_range(0, 60); n > 0; n--)
			g_string_append_c(text, parts[g_test_rand_int_range(0, sizeof(parts) - 1)]);
		g_assert_cmpint(unit_file_add(&unit, text->str), ==, 0);
		written = drop_in_text(DROP_IN_RUN, &unit, &tools);
		free(written);
		unit_file_done(&unit);
	}
}

/* ---- what is written ---- */

static void assert_text(enum drop_in_way way, const char *file, const char *wanted)
{
	struct unit_file unit = {0};
	enum drop_in_way found;
	char *text, *body;

	g_assert_cmpint(unit_file_add(&unit, file), ==, 0);
	text = drop_in_text(way, &unit, &tools);
	g_assert_nonnull(text);
	g_assert_true(drop_in_is_ours(text, &found));
	g_assert_cmpint(found, ==, way);
	body = strchr(text, '\n') + 1;
	g_assert_cmpstr(body, ==, wanted);
	free(text);
	unit_file_done(&unit);
}

static void environment_is_written(void)
{
	assert_text(DROP_IN_ENVIRONMENT, "[Service]\nExecStart=/bin/a\n",
		    "[Service]\nEnvironment=\"LD_PRELOAD=/lib/m%%z.so\"\n"
		    "Environment=\"GODEBUG=multipathtcp=1\"\n");
	/* beside what there is, whose specifiers stay */
	assert_text(DROP_IN_ENVIRONMENT,
		    "[Service]\nEnvironment='LD_PRELOAD=/%i.so \"x' GODEBUG=a=1\n",
		    "[Service]\nEnvironment=\"LD_PRELOAD=/%i.so \\\"x:/lib/m%%z.so\"\n"
		    "Environment=\"GODEBUG=a=1,multipathtcp=1\"\n");
	/* and not twice */
	assert_text(
		DROP_IN_ENVIRONMENT,
		"[Service]\nEnvironment=LD_PRELOAD=/a.so:/lib/m%z.so GODEBUG=multipathtcp=1,b=2\n",
		"[Service]\nEnvironment=\"LD_PRELOAD=/a.so:/lib/m%z.so\"\n"
		"Environment=\"GODEBUG=multipathtcp=1,b=2\"\n");
	assert_text(DROP_IN_ENVIRONMENT,
		    "[Service]\nEnvironment=LD_PRELOAD= GODEBUG=multipathtcp=10\n",
		    "[Service]\nEnvironment=\"LD_PRELOAD=/lib/m%%z.so\"\n"
		    "Environment=\"GODEBUG=multipathtcp=10,multipathtcp=1\"\n");
}

#define RUN "\"/opt/a b/mptcpize\" run "

static void commands_are_written(void)
{
	assert_text(
		DROP_IN_RUN,
		"[Service]\nExecStart=-/bin/a \"b c\" $D ; !!:/bin/e\nExecStart=@/bin/f 'g h' %i\n"
		"ExecStart=+@-/bin/j k\nExecStart=:/bin/$l $m\n"
		"ExecStart=@/bin/n ${O}$P\nExecStart=@:/bin/q $R\n",
		"[Service]\nExecStart=\n"
		"ExecStart=-" RUN "-- /bin/a \"b c\" $D\n"
		"ExecStart=!!:" RUN "-- /bin/e\n"
		"ExecStart=" RUN "--name='g h' -- /bin/f %i\n"
		"ExecStart=+-" RUN "--name=k -- /bin/j\n"
		"ExecStart=:" RUN "-- /bin/$l $m\n"
		"ExecStart=" RUN "--name=${O}$P -- /bin/n\n"
		"ExecStart=:" RUN "--name=$R -- /bin/q\n");
	assert_text(DROP_IN_SOCKET, "[Socket]\nListenStream=80\n",
		    "[Socket]\nSocketProtocol=mptcp\n");
}

static void unknown_prefixes_are_left_alone(void)
{
	static const char *const bad[] = {"|/bin/a b",	  "@/bin/a",	    "\"-/bin/a\" b",
					  "\\x2d/bin/a",  "-/bin/$a",	    "-",
					  "@/bin/a $B c", "-@/bin/a \"$B\""};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *file = g_strconcat("[Service]\nExecStart=", bad[i], NULL);
		struct unit_file unit = {0};

		g_assert_cmpint(unit_file_add(&unit, file), ==, 0);
		g_assert_null(drop_in_text(DROP_IN_RUN, &unit, &tools));
		g_assert_cmpint(errno, ==, ENOTSUP);
		unit_file_done(&unit);
	}
}

static void only_ours_has_the_mark(void)
{
	enum drop_in_way way;

	g_assert_false(drop_in_is_ours("", &way));
	g_assert_false(drop_in_is_ours("[Service]\n", &way));
	g_assert_false(drop_in_is_ours("# mptcpize\n", &way));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/drop-in/names/are-completed", names_are_completed);
	g_test_add_func("/drop-in/names/that-no-unit-has-are-refused", names_are_refused);
	g_test_add_func("/drop-in/files/commands-are-read", commands_are_read);
	g_test_add_func("/drop-in/files/late-commands-are-known", late_commands_are_known);
	g_test_add_func("/drop-in/files/environment-is-read", environment_is_read);
	g_test_add_func("/drop-in/files/programs-are-found", programs_are_found);
	g_test_add_func("/drop-in/files/noise-is-survived", noise_is_survived);
	g_test_add_func("/drop-in/text/environment-is-written", environment_is_written);
	g_test_add_func("/drop-in/text/commands-are-written", commands_are_written);
	g_test_add_func("/drop-in/text/unknown-prefixes-are-left-alone",
			unknown_prefixes_are_left_alone);
	g_test_add_func("/drop-in/text/only-ours-has-the-mark", only_ours_has_the_mark);
	return g_test_run();
}
