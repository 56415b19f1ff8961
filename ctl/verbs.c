/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands: a new one is one row here and one function. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "print.h"
#include "screen.h"
#include "word.h"

#define FILTERS "[dev IF] [to PREFIX] [policy NAME] [state STATE]"
#define FILTERS_HELP                                                                               \
	"TOKEN is hex, as ss prints it, with or without 0x. Only those that go by an\n"            \
	"interface, to an address (10.9.0.1, 2001:db8::/32), that a policy decides for, or\n"      \
	"that are as STATE says: " CTL_STATES ".\n"

const struct verb verbs[] = {
	{"status", "[--verbose]", "what works and what does not, in numbers and words",
	 "With --verbose counters, plugins and files, too.\n", ctl_status, true},
	{"connection", "[TOKEN] " FILTERS, "MPTCP connections with their subflows and addresses",
	 FILTERS_HELP, ctl_connection, true},
	{"subflow", "[TOKEN] " FILTERS, "subflows, one a line", FILTERS_HELP, ctl_subflow, true},
	{"subflow add", "TOKEN LOCAL[:PORT] REMOTE:PORT [id N] [dev IF] [backup]",
	 "make a subflow, which no policy removes",
	 "IPv6 with a port is [ADDRESS]:PORT. \"id\" is the address id of the local address, "
	 "\"dev\"\n"
	 "the interface to leave by; without them mptcpd chooses.\n",
	 ctl_subflow_add},
	{"subflow delete", "TOKEN LOCAL:PORT REMOTE:PORT",
	 "close a subflow, which no policy makes again", NULL, ctl_subflow_delete},
	{"subflow change", "TOKEN LOCAL[:PORT] REMOTE[:PORT] backup|nobackup",
	 "ask the peer to use a subflow only when others fail, or always", NULL,
	 ctl_subflow_change},
	{"announce", "TOKEN ADDRESS id N [port N] [dev IF]",
	 "announce an address to the peer, until it is withdrawn",
	 "With a port, mptcpd listens there if the address is one of this host.\n", ctl_announce},
	{"withdraw", "TOKEN id N", "withdraw an announced address",
	 "Id 0 is the address that the connection began on.\n", ctl_withdraw},
	{"endpoint", "[id N]", "endpoints of the kernel's path manager", NULL, ctl_endpoint, true},
	{"endpoint add",
	 "ADDRESS [dev IF] [id N] [port N] [subflow] [signal] [backup] [fullmesh] [laminar]",
	 "make an endpoint, which no policy touches",
	 "It stays when mptcpd ends. A port goes with \"signal\" alone.\n", ctl_endpoint_add},
	{"endpoint change", "[id N] [ADDRESS] [backup|nobackup] [fullmesh|nofullmesh]",
	 "change flags of an endpoint",
	 "It is named by its id or by its address, not by both. Flags that are not named stay as "
	 "they\nare. Changing \"fullmesh\" closes every subflow that began on the endpoint's "
	 "address, the initial\nones of connections too.\n",
	 ctl_endpoint_change},
	{"endpoint delete", "[id N] [ADDRESS]", "delete an endpoint",
	 "The kernel closes every subflow that began on its address, the initial ones of "
	 "connections\ntoo. \"id 0 ADDRESS\" deletes no endpoint: connections that began on this "
	 "address close\nwhat began on it and tell their peers that it is gone.\n",
	 ctl_endpoint_delete},
	{"endpoint flush", "", "delete all endpoints",
	 "All in one act. The kernel closes every subflow that began on one of their addresses, "
	 "the\n"
	 "initial ones of connections too; the answer says how many connections have none left.\n",
	 ctl_endpoint_flush},
	{"limits", "", "limits of the kernel's path manager", NULL, ctl_limits, true},
	{"limits set", "[subflows N] [add_addr_accepted N]",
	 "set how many additional subflows and announced addresses a connection uses", NULL,
	 ctl_limits_set},
	{"interface", "[NAME]", "interfaces and addresses, and why one is not used", NULL,
	 ctl_interface, true},
	{"policy", "", "policies with their matches and settings", NULL, ctl_policy, true},
	{"policy test",
	 "LOCAL[:PORT] REMOTE[:PORT] [side client|server] [uid N] [cgroup PATH] [mark N] "
	 "[interface IF]",
	 "which policy would decide for a connection, and which paths it would plan now",
	 "There need be no such connection, and nothing is done. What is not said is not known; "
	 "without\n\"side\" it is a client's, and the interface is that of LOCAL. \"uid\" may be "
	 "a name.\n",
	 ctl_policy_test},
	{"explain", "[TOKEN]", "each path that a connection could have, and why it is not there",
	 NULL, ctl_explain, true},
	{"doctor", "[--peer HOST[:PORT]]", "what keeps MPTCP from working here, and what mends it",
	 "Looks at the kernel, mptcpd, its configuration, links, endpoints, services and "
	 "connections. "
	 "With\n--peer it connects to that host (port 443 unless it is said) by each link, by "
	 "MPTCP "
	 "and by TCP,\nand says what came back. Without an mptcpd it works, too. Exit status 0: no "
	 "fault, 1: there is one.\n",
	 ctl_doctor},
	{"monitor", "", "the present state as events, then each change",
	 "With --json, one object a line. When mptcpd ends it waits for the next one.\n",
	 ctl_monitor},
	{"top", "", "a screen of what links and connections carry now",
	 "It needs a terminal. The key h tells the others, q ends it.\n", ctl_top},
	{"metrics", "[openmetrics]", "what is counted, in the text format of Prometheus",
	 "Format 0.0.4, or OpenMetrics 1.0.0. mptcpd-metrics.socket serves the same over HTTP.\n",
	 ctl_metrics},
	{"metrics serve", "", "answer a scrape of Prometheus, which is connected to standard input",
	 "For mptcpd-metrics@.service: one process for each scrape.\n", ctl_metrics_serve},
	{"reload", "", "have mptcpd read its configuration again",
	 "A bad configuration is refused, and mptcpd goes on with the one it has.\n", ctl_reload},
	{"config", "", "the same as \"config show\"", NULL, ctl_config_show, true},
	{"config show", "", "the configuration in use, each value with its file and line", NULL,
	 ctl_config_show, true},
	{"config check", "[FILE]", "look for faults in the configuration, without using it",
	 "mptcpd checks its own files as they are now. For FILE, and for the default files where "
	 "no\nmptcpd runs, \"mptcpd --check-config\" is run.\n",
	 ctl_config_check},
	{"config import", "FILE", "print the configuration of an mptcpd up to 0.13, translated",
	 "What has no counterpart is a comment that says what holds instead. An unknown key or "
	 "plugin\nmakes the exit status 1.\n",
	 ctl_config_import},
	{"help", "[COMMAND]", "all commands, or more about one", NULL, ctl_help},
};
const size_t n_verbs = sizeof(verbs) / sizeof(*verbs);

/* ---- which one is meant ---- */

/* "add" of "subflow add"; NULL: the verb is one word. */
static const char *second_word(const struct verb *verb)
{
	const char *space = strchr(verb->name, ' ');

	return space ? space + 1 : NULL;
}

static bool is_same_first(const struct verb *a, const struct verb *b)
{
	return strcspn(a->name, " ") == strcspn(b->name, " ") &&
	       strncmp(a->name, b->name, strcspn(a->name, " ")) == 0;
}

/* Verbs of one word that begin with `word`: how many, and one of them; the one that is `word` alone. */
static size_t find_first(const char *word, const struct verb **ret_verb)
{
	size_t n = 0;

	for (size_t i = 0; i < n_verbs; i++) {
		if (second_word(&verbs[i]) || strncmp(verbs[i].name, word, strlen(word)) != 0)
			continue;
		*ret_verb = &verbs[i];
		if (strcmp(verbs[i].name, word) == 0)
			return 1;
		n++;
	}
	return n;
}

/* The same for the second word. A word that may be a token is never an abbreviation. */
static const struct verb *find_second(const struct verb *first, const char *word)
{
	const struct verb *found = NULL;
	uint32_t token;
	size_t n = 0;

	for (size_t i = 0; i < n_verbs; i++) {
		const char *second = second_word(&verbs[i]);

		if (!second || !is_same_first(first, &verbs[i]))
			continue;
		if (strcmp(second, word) == 0)
			return &verbs[i];
		if (*word && strncmp(second, word, strlen(word)) == 0) {
			found = &verbs[i];
			n++;
		}
	}
	return n == 1 && ctl_parse_token(word, &token) < 0 ? found : NULL;
}

/* What ip(8) has its users write. */
static bool is_empty_word(const struct verb *verb, const char *word)
{
	return verb->is_listing && (strcmp(word, "show") == 0 || strcmp(word, "list") == 0);
}

const struct verb *verb_find(int n_args, char **args, int *ret_words)
{
	const struct verb *first = &verbs[0], *second = NULL;

	if (n_args && find_first(args[0], &first) != 1)
		return NULL;
	*ret_words = n_args ? 1 : 0;
	if (n_args > 1)
		second = find_second(first, args[1]);
	if (second || (n_args > 1 && is_empty_word(first, args[1])))
		*ret_words = 2;
	return second ? second : first;
}

/* "a, b or c"; where it is too long, without what has no room. */
static void add_name(char *list, size_t size, const char *name, bool last)
{
	size_t used = strlen(list);

	snprintf(list + used, size - used, "%s\"%s\"", !used ? "" : last ? " or " : ", ", name);
}

/* So like a name that this was meant: hardly any letter differs. */
static bool is_like(const char *word, const char *name)
{
	size_t distance = word_distance(word, name);

	return distance <= 2 && 4 * distance <= strlen(word) + 1 && 2 * distance < strlen(name);
}

/* Is it what is meant by `word`: does it begin so, or is it like it, or is that its second word? */
static bool may_be_meant(const struct verb *verb, const char *word, bool is_prefix)
{
	const char *second = second_word(verb);

	if (is_prefix)
		return !second && strncmp(verb->name, word, strlen(word)) == 0;
	return second ? strcmp(second, word) == 0 || is_like(word, second)
		      : is_like(word, verb->name);
}

int verb_unknown(const char *word)
{
	const struct verb *first, *found[sizeof(verbs) / sizeof(*verbs)];
	bool is_prefix = *word && find_first(word, &first) > 1;
	char list[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < n_verbs; i++)
		if (may_be_meant(&verbs[i], word, is_prefix))
			found[n++] = &verbs[i];
	for (size_t i = 0; i < n; i++)
		add_name(list, sizeof(list), found[i]->name, i + 1 == n);
	if (is_prefix)
		return cli_usage("\"%s\" could be %s", word, list);
	if (n)
		return cli_usage("unknown command \"%s\", did you mean %s?", word, list);
	return cli_usage("unknown command \"%s\"", word);
}

/* ---- help ---- */

void verb_print_help(const struct verb *verb)
{
	print_line("Usage: mptcpctl [OPTION…] %s%s%s", verb->name, *verb->arguments ? " " : "",
		   verb->arguments);
	print_about(verb->help, verb->more);
}

void verb_print_overview(void)
{
	print_lines(
		stdout,
		"Usage: mptcpctl [OPTION…] [COMMAND]\n\n"
		"See and steer mptcpd, the Multipath TCP path manager. Without a command: status.\n"
		"Where no mptcpd runs and no socket is named, connection, subflow, announce,\n"
		"withdraw, endpoint, limits, monitor and top work on the kernel all the same;\n"
		"doctor does in any case.\n\n"
		"Commands, which may be cut as long as they are clear:");
	for (size_t i = 0; i < n_verbs; i++) {
		char head[256];

		snprintf(head, sizeof(head), "  %s%s", verbs[i].name,
			 *verbs[i].arguments ? " " : "");
		screen_wrap(8, head, verbs[i].arguments);
		print_line("        %s", verbs[i].help);
	}
	print_lines(
		stdout,
		"\nOptions:\n"
		"  -j, --json       write JSON\n"
		"  -w, --watch [S]  list again every second, or every S seconds\n"
		"  -v, --verbose    with status: counters, plugins and files, too\n"
		"  --color WHEN     auto (on a terminal, unless NO_COLOR is set), always, never\n"
		"  --headers        head the columns where no person reads them, too\n"
		"  --socket PATH    where mptcpd listens: else $MPTCPCTL_SOCKET, else\n"
		"                   /run/mptcpd/control, else the system bus\n"
		"  -N NS            ask the mptcpd of the network namespace NS, or its kernel\n"
		"  --bus            ask over the system bus, where polkit may permit changes\n"
		"  --version        print the version\n"
		"  -h, --help       print this, or more about one command\n\n"
		"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no mptcpd, 4 not permitted.");
}

int ctl_help(struct ctl *ctl, int n_args, char **args)
{
	const struct verb *verb;
	int n_words = 0;

	if (!n_args) {
		verb_print_overview();
		return EXIT_DONE;
	}
	verb = verb_find(n_args, args, &n_words);
	if (!verb)
		return verb_unknown(args[0]);
	if (n_words < n_args)
		return cli_usage("unexpected \"%s\" after %s", args[n_words], verb->name);
	verb_print_help(verb);
	return EXIT_DONE;
}
