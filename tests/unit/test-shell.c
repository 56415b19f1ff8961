/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words of commands: a shell has to read what was meant. */
#include <glib.h>
#include <string.h>

#include "shell.h"

static void is_read_back(const char *word)
{
	char text[SHELL_WORD_SIZE];
	g_auto(GStrv) words = NULL;

	g_assert_true(g_shell_parse_argv(shell_quote(word, text), NULL, &words, NULL));
	g_assert_cmpuint(g_strv_length(words), ==, 1);
	g_assert_cmpstr(words[0], ==, word);
}

static void a_shell_reads_it_back(const char *word)
{
	char text[SHELL_WORD_SIZE];
	g_autofree char *out = NULL;
	g_autofree char *script = g_strdup_printf("printf %%s %s", shell_quote(word, text));
	g_auto(GStrv) argv = g_strdupv((char *[]){(char[]){"sh"}, (char[]){"-c"}, script, NULL});

	is_read_back(word);
	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL,
				   NULL, NULL));
	g_assert_cmpstr(out, ==, word);
}

static void every_byte(void)
{
	char all[256] = "", word[4] = "a?b";

	for (int byte = 1; byte < 256; byte++) {
		all[byte - 1] = word[1] = (char)byte;
		is_read_back(word);
		is_read_back(word + 1);
	}
	a_shell_reads_it_back(all);
	a_shell_reads_it_back("");
	a_shell_reads_it_back("'';\"$(id)`id`\\'");
}

static void longest(void)
{
	char word[301] = "";

	memset(word, '\'', 300);
	a_shell_reads_it_back(word);
	memset(word, 'x', 300);
	a_shell_reads_it_back(word);
}

/* What is cut is one word still. */
static void cut(void)
{
	static const char *const fills[] = {"'", "x", "x'"};

	for (size_t i = 0; i < G_N_ELEMENTS(fills); i++) {
		g_autoptr(GString) word = g_string_new(";");
		char text[SHELL_WORD_SIZE];
		g_auto(GStrv) words = NULL;

		while (word->len < 2 * SHELL_WORD_SIZE) {
			g_string_append(word, fills[i]);
			g_clear_pointer(&words, g_strfreev);
			g_assert_true(g_shell_parse_argv(shell_quote(word->str, text), NULL, &words,
							 NULL));
			g_assert_cmpuint(g_strv_length(words), ==, 1);
			g_assert_true(g_str_has_prefix(word->str, words[0]));
		}
		g_assert_cmpuint(strlen(words[0]), >=, 300);
	}
}

static void plain_stays_plain(void)
{
	char text[SHELL_WORD_SIZE];

	g_assert_cmpstr(shell_quote("wlan0.7:1@x", text), ==, "wlan0.7:1@x");
	g_assert_cmpstr(shell_quote("[::1]:80", text), ==, "'[::1]:80'");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/shell/every-byte-is-read-back", every_byte);
	g_test_add_func("/shell/names-of-300-bytes-are-whole", longest);
	g_test_add_func("/shell/a-longer-one-stays-one-word", cut);
	g_test_add_func("/shell/plain-words-stay-as-they-are", plain_stays_plain);
	return g_test_run();
}
