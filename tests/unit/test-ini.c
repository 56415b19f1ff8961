/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ell/ell.h>
#include <errno.h>
#include <glib.h>

#include "ini.h"
#include "word.h"
#include "value.h"

struct scene {
	struct ini ini;
	struct faults report;
};

static void set_up(struct scene *scene, gconstpointer unused)
{
	*scene = (struct scene){0};
	faults_init(&scene->report);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
	ini_done(&scene->ini);
	faults_done(&scene->report);
}

static void add(struct scene *scene, const char *file, const char *text)
{
	ini_add(&scene->ini, file, text, strlen(text), &scene->report);
}

#define assert_report(scene, expected)                                                             \
	do {                                                                                       \
		char *text_ = faults_take(&(scene)->report);                                       \
		g_assert_cmpstr(text_, ==, expected);                                              \
		l_free(text_);                                                                     \
	} while (0)

/* All that was read, "[title]key=value@line;…", in order. */
static void assert_ini(const struct scene *scene, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < scene->ini.n_groups; i++) {
		const struct ini_group *group = &scene->ini.groups[i];

		g_string_append_printf(text, "[%s%s%s]", group->kind, group->name ? ":" : "",
				       group->name ? group->name : "");
		for (size_t j = 0; j < group->n_keys; j++) {
			const struct ini_key *key = &group->keys[j];

			g_string_append_printf(text, "%s=%s@%s:%u;", key->name, key->value,
					       key->where.file, key->where.line);
		}
	}
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_groups(struct scene *scene, gconstpointer unused)
{
	add(scene, "f",
	    "[core]\na = 1\n\n[interface:wwan*]\n  b=2 3 \nc\t=\tx=y\n[p : q ]\n[core:x]");
	assert_report(scene, "");
	assert_ini(scene, "[core]a=1@f:2;[interface:wwan*]b=2 3@f:5;c=x=y@f:6;[p:q][core:x]");
	g_assert_nonnull(ini_find(&scene->ini, "core", NULL));
	g_assert_nonnull(ini_find(&scene->ini, "core", "x"));
	g_assert_null(ini_find(&scene->ini, "p", NULL));
	g_assert_null(ini_find(&scene->ini, "p", "Q"));
	g_assert_cmpstr(ini_group_find(ini_find(&scene->ini, "core", NULL), "a")->value, ==, "1");
}

static void test_comments(struct scene *scene, gconstpointer unused)
{
	add(scene, "f",
	    "# one\n; two\n  # three\n \t; four\n[a] # five\nk = v # six\nl = v#7\nm = ;8\n"
	    "n = v\t# nine\n[b:c#d]#e]\n");
	assert_report(scene, "");
	assert_ini(scene, "[a]k=v@f:6;l=v#7@f:7;m=;8@f:8;n=v@f:9;[b:c#d]#e]");
}

static void test_brackets(struct scene *scene, gconstpointer unused)
{
	add(scene, "f", "[interface:eth[0-3]]\n[interface:fd00::/8]\n");
	assert_report(scene, "");
	assert_ini(scene, "[interface:eth[0-3]][interface:fd00::/8]");
}

static void test_crlf(struct scene *scene, gconstpointer unused)
{
	add(scene, "f", "[a]\r\nk = v\r\n\r\n");
	assert_report(scene, "");
	assert_ini(scene, "[a]k=v@f:2;");
}

static void test_key_twice(struct scene *scene, gconstpointer unused)
{
	add(scene, "f", "[a]\nk = 1\nl = 2\nk = 3\n[b]\nk = 4\n");
	assert_report(scene,
		      "f:4: 'k' is in this group twice, first in line 2, expected it once\n");
	assert_ini(scene, "[a]k=1@f:2;l=2@f:3;[b]k=4@f:6;");
}

static void test_group_twice(struct scene *scene, gconstpointer unused)
{
	add(scene, "f", "[a]\nk = 1\n[a:b]\n[a]\nk = 2\n[a:b]\n");
	assert_report(
		scene,
		"f:4: group [a] is in this file twice, first in line 1, expected it once\n"
		"f:6: group [a:b] is in this file twice, first in line 3, expected it once\n");
	assert_ini(scene, "[a]k=1@f:2;[a:b]");
}

static void test_malformed(struct scene *scene, gconstpointer unused)
{
	add(scene, "f",
	    "early = 1\n[a\nunder = a\n[]\n[a:]\n[a b]\n[a]\nword\n= v\nk =\nk k = v\nk = # "
	    "none\n[");
	assert_report(scene,
		      "f:1: 'early' stands before the first group, expected [GROUP] before it\n"
		      "f:2: ']' is missing, expected [GROUP] or [GROUP:NAME]\n"
		      "f:4: not a group, expected [GROUP] or [GROUP:NAME]\n"
		      "f:5: not a group, expected [GROUP] or [GROUP:NAME]\n"
		      "f:6: not a group, expected [GROUP] or [GROUP:NAME]\n"
		      "f:8: expected [GROUP] or KEY = VALUE\n"
		      "f:9: '' is not a key, expected KEY = VALUE\n"
		      "f:10: 'k' has no value, expected KEY = VALUE\n"
		      "f:11: 'k k' is not a key, expected KEY = VALUE\n"
		      "f:12: 'k' has no value, expected KEY = VALUE\n"
		      "f:13: ']' is missing, expected [GROUP] or [GROUP:NAME]\n");
	assert_ini(scene, "[a]");
}

static void test_bytes(struct scene *scene, gconstpointer unused)
{
	static const char text[] =
		"[a]\nk = 1\0002\nl = \xff\nm = \033[2J\nn = \xc3\xa4\no = a\rb\n";
	const char *fault = "bytes that are not text, expected UTF-8 without control characters\n";
	g_autofree char *expected =
		g_strdup_printf("f:2: %sf:3: %sf:4: %sf:6: %s", fault, fault, fault, fault);

	ini_add(&scene->ini, "f", text, sizeof(text) - 1, &scene->report);
	assert_report(scene, expected);
	assert_ini(scene, "[a]n=\xc3\xa4@f:5;");
}

static void test_long_line(struct scene *scene, gconstpointer unused)
{
	g_autofree char *most = g_strnfill(INI_LINE_MAX - 4, 'v');
	g_autofree char *text = g_strdup_printf("[a]\nk = %s\nl = x%s\n", most, most);

	add(scene, "f", text);
	assert_report(scene, "f:3: line longer than 4096 bytes\n");
	g_assert_cmpuint(scene->ini.groups[0].n_keys, ==, 1);
}

static void test_large_file(struct scene *scene, gconstpointer unused)
{
	g_autofree char *text = g_strnfill(INI_FILE_MAX + 1, '\n');

	add(scene, "f", text);
	assert_report(scene, "f: larger than 1048576 bytes\n");
}

static void test_many(struct scene *scene, gconstpointer unused)
{
	g_autoptr(GString) text = g_string_new("[first]\n");

	for (int i = 0; i <= INI_KEYS_MAX; i++)
		g_string_append_printf(text, "k%d = v\n", i);
	for (int i = 1; i <= INI_GROUPS_MAX; i++)
		g_string_append_printf(text, "[g:%d]\n", i);
	add(scene, "f", text->str);
	assert_report(scene, "f:258: more than 256 keys in one group\n"
			     "f:1282: more than 1024 groups in one file\n");
	g_assert_cmpuint(scene->ini.n_groups, ==, INI_GROUPS_MAX);
	g_assert_cmpuint(scene->ini.groups[0].n_keys, ==, INI_KEYS_MAX);
}

static void test_fault_flood(struct scene *scene, gconstpointer unused)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char *report;

	for (int i = 0; i < 150; i++)
		g_string_append(text, "x\n");
	add(scene, "f", text->str);
	g_assert_cmpuint(scene->report.n_faults, ==, 150);
	report = faults_take(&scene->report);
	g_assert_true(g_str_has_suffix(report,
				       "f:100: expected [GROUP] or KEY = VALUE\n… and 50 more\n"));
	l_free(report);
}

static void test_layers(struct scene *scene, gconstpointer unused)
{
	add(scene, "1", "[core]\na = 1\nb = 1\n[i:x]\nk = 1\n[i:y]\nk = 1\n");
	add(scene, "2", "[i:new]\nk = 2\n[core]\nb = 2\nc = 2\n[i:newer]\n[i:x]\n");
	add(scene, "3", "[i:newest]\n[i:new]\nk = 3\n");
	assert_report(scene, "");
	assert_ini(scene, "[i:newest][i:new]k=3@3:3;[i:newer][core]a=1@1:2;b=2@2:4;c=2@2:5;"
			  "[i:x]k=1@1:5;[i:y]k=1@1:7;");
	g_assert_cmpuint(scene->ini.n_files, ==, 3);
	g_assert_cmpstr(scene->ini.files[1], ==, "2");
	g_assert_cmpstr(ini_find(&scene->ini, "core", NULL)->where.file, ==, "1");
}

static void test_empty(struct scene *scene, gconstpointer unused)
{
	add(scene, "f", "");
	assert_report(scene, "");
	assert_ini(scene, "");
}

static void test_nearest(void)
{
	static const char *const names[] = {"flags", "use", "addresses", "announce", NULL};

	g_assert_cmpstr(word_nearest("flag", names), ==, "flags");
	g_assert_cmpstr(word_nearest("falgs", names), ==, "flags");
	g_assert_cmpstr(word_nearest("Flags", names), ==, "flags");
	g_assert_cmpstr(word_nearest("adresses", names), ==, "addresses");
	g_assert_cmpstr(word_nearest("xxx", names), ==, NULL);
	g_assert_cmpstr(word_nearest("up", names), ==, NULL);
	g_assert_cmpstr(word_nearest("", names), ==, NULL);
	g_assert_cmpstr(word_nearest("flagsflagsflagsflagsflagsflagsflagsflagsflagsflags", names),
			==, NULL);
}

static void test_unknown_words(struct scene *scene, gconstpointer unused)
{
	static const char *const one[] = {"a-name", NULL}, *const two[] = {"ab", "cd", NULL},
				 *const none[] = {NULL};

	faults_add_unknown(&scene->report, (struct where){"f", 1}, "thing", "a-nam", one);
	faults_add_unknown(&scene->report, (struct where){"f", 0}, "thing", "zz", two);
	faults_add_unknown(&scene->report, (struct where){NULL, 0}, "thing", "zz", none);
	assert_report(scene, "f:1: unknown thing 'a-nam', expected a-name; did you mean 'a-name'?\n"
			     "f: unknown thing 'zz', expected ab or cd\n"
			     "unknown thing 'zz'\n");
}

static void test_numbers(void)
{
	uint64_t n = 0;
	bool yes = false;

	g_assert_cmpint(value_number("18446744073709551615", &n), ==, 0);
	g_assert_cmpuint(n, ==, UINT64_MAX);
	g_assert_cmpint(value_number("18446744073709551616", &n), ==, -ERANGE);
	g_assert_cmpint(value_number("", &n), ==, -EINVAL);
	g_assert_cmpint(value_number("-1", &n), ==, -EINVAL);
	g_assert_cmpint(value_number("1 ", &n), ==, -EINVAL);
	g_assert_cmpint(value_number("0x10", &n), ==, -EINVAL);
	g_assert_cmpuint(n, ==, UINT64_MAX);
	g_assert_cmpint(value_bool("on", &yes), ==, 0);
	g_assert_true(yes);
	g_assert_cmpint(value_bool("false", &yes), ==, 0);
	g_assert_false(yes);
	g_assert_cmpint(value_bool("Yes", &yes), ==, -EINVAL);
}

static void test_units(void)
{
	static const struct {
		const char *text;
		int duration, size;
		uint64_t ms, bytes;
	} cases[] = {
		{"30", 0, 0, 30000, 30},
		{"30s", 0, -EINVAL, 30000, 0},
		{"2 min", 0, -EINVAL, 120000, 0},
		{"1h", 0, -EINVAL, 3600000, 0},
		{"1500ms", 0, -EINVAL, 1500, 0},
		{"64K", -EINVAL, 0, 0, 65536},
		{"2 M", -EINVAL, 0, 0, 2097152},
		{"1G", -EINVAL, 0, 0, 1073741824},
		{"1k", -EINVAL, -EINVAL, 0, 0},
		{"1.5s", -EINVAL, -EINVAL, 0, 0},
		{"s", -EINVAL, -EINVAL, 0, 0},
		{"1  s", -EINVAL, -EINVAL, 0, 0},
		{"18446744073709551615", -ERANGE, 0, 0, UINT64_MAX},
		{"1000000h", 0, -EINVAL, 3600000000000, 0},
		{"1000001h", -ERANGE, -EINVAL, 0, 0},
		{"3600000000000ms", 0, -EINVAL, 3600000000000, 0},
		{"3600000000001ms", -ERANGE, -EINVAL, 0, 0},
		{"18446744073709551615ms", -ERANGE, -EINVAL, 0, 0},
		{"18446744073709551615G", -EINVAL, -ERANGE, 0, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint64_t ms = 0, bytes = 0;

		g_test_message("%s", cases[i].text);
		g_assert_cmpint(value_duration(cases[i].text, &ms), ==, cases[i].duration);
		g_assert_cmpuint(ms, ==, cases[i].ms);
		g_assert_cmpint(value_size(cases[i].text, &bytes), ==, cases[i].size);
		g_assert_cmpuint(bytes, ==, cases[i].bytes);
	}
}

static void test_ports(void)
{
	static const char *const bad[] = {"",	     "0", "65536", "9-8",  "1-",      "-1",
					  "1-65536", "a", "1-2-3", "1 -2", "00000080"};
	uint16_t min = 0, max = 0;

	g_assert_cmpint(value_ports("80", &min, &max), ==, 0);
	g_assert_true(min == 80 && max == 80);
	g_assert_cmpint(value_ports("1-65535", &min, &max), ==, 0);
	g_assert_true(min == 1 && max == 65535);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpint(value_ports(bad[i], &min, &max), ==, -EINVAL);
	g_assert_true(min == 1 && max == 65535);
}

#define ADD(name, func) g_test_add("/ini/" name, struct scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("groups-and-keys-keep-their-place", test_groups);
	ADD("comments-are-cut", test_comments);
	ADD("names-may-hold-brackets-and-colons", test_brackets);
	ADD("crlf-is-tolerated", test_crlf);
	ADD("key-twice-is-refused", test_key_twice);
	ADD("group-twice-is-refused", test_group_twice);
	ADD("malformed-lines-are-all-told", test_malformed);
	ADD("bytes-that-are-not-text-are-refused", test_bytes);
	ADD("long-line-is-refused", test_long_line);
	ADD("large-file-is-refused", test_large_file);
	ADD("too-many-groups-and-keys-are-refused", test_many);
	ADD("flood-of-faults-is-cut", test_fault_flood);
	ADD("later-files-replace-keys-and-go-in-front", test_layers);
	ADD("empty-file-is-no-fault", test_empty);
	ADD("unknown-word-names-what-was-expected", test_unknown_words);
	g_test_add_func("/ini/nearest-name-is-found", test_nearest);
	g_test_add_func("/value/numbers-and-booleans", test_numbers);
	g_test_add_func("/value/durations-and-sizes", test_units);
	g_test_add_func("/value/ports", test_ports);
	return g_test_run();
}
