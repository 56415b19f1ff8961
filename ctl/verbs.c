/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands: a new one is one row here and one function. */
#include "ctl.h"

#include <string.h>

#include "word.h"

const struct verb verbs[] = {
	{"status", "", "version, counters, plugins, files, and what is wrong", NULL, ctl_status},
	{"connection", "[TOKEN]", "MPTCP connections with their subflows and addresses",
	 "TOKEN is hex, as ss prints it, with or without 0x.\n", ctl_connection},
	{"subflow", "[TOKEN]", "subflows, one a line", NULL, ctl_subflow},
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
	{"endpoint", "[id N]", "endpoints of the kernel's path manager", NULL, ctl_endpoint},
	{"endpoint add",
	 "ADDRESS [dev IF] [id N] [port N] [subflow] [signal] [backup] [fullmesh] [laminar]",
	 "make an endpoint, which no policy touches",
	 "It stays when mptcpd ends. A port goes with \"signal\" alone.\n", ctl_endpoint_add},
	{"endpoint change", "id N|ADDRESS [no]backup|[no]fullmesh…", "change flags of an endpoint",
	 "Flags that are not named stay as they are. Changing \"fullmesh\" closes every subflow "
	 "that\nbegan on the endpoint's address, the initial ones of connections too.\n",
	 ctl_endpoint_change},
	{"endpoint delete", "id N [ADDRESS]|ADDRESS|id 0 ADDRESS", "delete an endpoint",
	 "The kernel closes every subflow that began on its address, the initial ones of "
	 "connections\ntoo. \"id 0 ADDRESS\" deletes no endpoint: connections that began on this "
	 "address close\nwhat began on it and tell their peers that it is gone.\n",
	 ctl_endpoint_delete},
	{"endpoint flush", "", "delete all endpoints",
	 "All in one act. The kernel closes every subflow that began on one of their addresses, "
	 "the\n"
	 "initial ones of connections too; the answer says how many connections have none left.\n",
	 ctl_endpoint_flush},
	{"limits", "", "limits of the kernel's path manager", NULL, ctl_limits},
	{"limits set", "[subflows N] [add_addr_accepted N]",
	 "set how many additional subflows and announced addresses a connection uses", NULL,
	 ctl_limits_set},
	{"interface", "", "interfaces and addresses, and why one is not used", NULL, ctl_interface},
	{"policy", "", "policies with their matches and settings", NULL, ctl_policy},
	{"policy test",
	 "LOCAL[:PORT] REMOTE[:PORT] [side client|server] [uid N] [cgroup PATH] [mark N] "
	 "[interface IF]",
	 "which policy would decide for a connection, and which paths it would plan now",
	 "There need be no such connection, and nothing is done. What is not said is not known; "
	 "without\n\"side\" it is a client's, and the interface is that of LOCAL. \"uid\" may be "
	 "a name.\n",
	 ctl_policy_test},
	{"explain", "TOKEN", "each path that a connection should have, and why it is not there",
	 NULL, ctl_explain},
	{"monitor", "", "the present state as events, then each change",
	 "With --json, one object a line. It ends when mptcpd does.\n", ctl_monitor},
	{"reload", "", "have mptcpd read its configuration again",
	 "A bad configuration is refused, and mptcpd goes on with the one it has.\n", ctl_reload},
	{"config", "", "the same as \"config show\"", NULL, ctl_config_show},
	{"config show", "", "the configuration in use, each value with its file and line", NULL,
	 ctl_config_show},
	{"config check", "[FILE]", "look for faults in the configuration, without using it",
	 "mptcpd checks its own files as they are now. For FILE, and for the default files where "
	 "no\nmptcpd runs, \"mptcpd --check-config\" is run.\n",
	 ctl_config_check},
};
const size_t n_verbs = sizeof(verbs) / sizeof(*verbs);

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

/* The verb of one word that is `word`, or the only one that begins with it. */
static const struct verb *find_first(const char *word)
{
	const struct verb *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < n_verbs; i++) {
		if (second_word(&verbs[i]) || strncmp(verbs[i].name, word, strlen(word)) != 0)
			continue;
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
		found = &verbs[i];
		n++;
	}
	return n == 1 ? found : NULL;
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

const struct verb *verb_find(int n_args, char **args, int *ret_words)
{
	const struct verb *first = n_args ? find_first(args[0]) : &verbs[0], *second = NULL;

	if (first && n_args > 1)
		second = find_second(first, args[1]);
	if (first)
		*ret_words = second ? 2 : n_args ? 1 : 0;
	return second ? second : first;
}

const char *verb_nearest(const char *word)
{
	const char *nearest = verbs[0].name;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < n_verbs; i++) {
		size_t d = second_word(&verbs[i]) ? SIZE_MAX : word_distance(word, verbs[i].name);

		if (d >= best)
			continue;
		best = d;
		nearest = verbs[i].name;
	}
	return nearest;
}
