/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a shell may complete a word with: `mptcpctl --complete WORD…`, of which the last is the one to
 * be completed. It reads the usage lines of the table of verbs, and asks for what there is. One candidate
 * a line, a tab and what it is behind it; the line ":files" stands for names of files.
 */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "lone.h"
#include "print.h"
#include "text.h"

#define ITEMS_MAX 16
#define WORDS_MAX 64
#define FILES ":files"

struct completing {
	struct ctl ctl;
	const char *word; /* what is there of it */
	const struct verb *verb;
	int n_args;
	char *args[WORDS_MAX]; /* behind the verb, without options */
	uint32_t token; /* the first of them, 0: it is none */
	const char *what; /* the name of the value that is wanted: "TOKEN", "N" … */
	const char *keyword; /* … and what stands before it, "" for nothing */
};

/* A part of a usage line. */
struct item {
	char keyword[24]; /* "dev"; "": it is a value alone */
	char value[48]; /* "IF", "client|server"; "": it is a keyword alone */
	bool is_optional;
};

static void offer(const struct completing *it, const char *candidate, const char *what)
{
	if (strncmp(candidate, it->word, strlen(it->word)) != 0)
		return;
	print_text(candidate);
	print_clean("\t", 1);
	print_line("%s", what);
}

/* ---- what there is ---- */

static int offer_token(void *data, const struct mptcpctl_connection *connection)
{
	char token[16], local[TEXT_ADDR_SIZE], remote[TEXT_ADDR_SIZE], what[2 * TEXT_ADDR_SIZE];

	snprintf(token, sizeof(token), "%" PRIx32, connection->token);
	snprintf(what, sizeof(what), "%s -> %s", text_addr(&connection->local, local),
		 text_addr(&connection->remote, remote));
	offer(data, token, what);
	return 0;
}

static int offer_remote(void *data, const struct mptcpctl_connection *connection)
{
	if (connection->remote.address)
		offer(data, connection->remote.address, "peer");
	return 0;
}

/* An end of the connection's subflows, for `subflow delete` and its like. */
static int offer_ends(void *data, const struct mptcpctl_connection *connection)
{
	const struct completing *it = data;
	bool is_local = strncmp(it->what, "LOCAL", 5) == 0;
	const struct mptcpctl_subflow *subflow = connection->subflows;
	char text[TEXT_ADDR_SIZE];

	for (; subflow; subflow = subflow->next)
		offer(it, text_addr(is_local ? &subflow->local : &subflow->remote, text),
		      subflow->interface ? subflow->interface : "");
	for (const struct mptcpctl_address *peer = connection->peer_addresses; !is_local && peer;
	     peer = peer->next)
		offer(it, text_addr(&peer->addr, text), "announced by the peer");
	return 0;
}

static int offer_announced(void *data, const struct mptcpctl_connection *connection)
{
	const struct mptcpctl_address *announced = connection->announced;
	char id[8], text[TEXT_ADDR_SIZE];

	for (; announced; announced = announced->next) {
		snprintf(id, sizeof(id), "%u", announced->id);
		offer(data, id, text_addr(&announced->addr, text));
	}
	return 0;
}

static int offer_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	const struct completing *it = data;
	char id[8], text[TEXT_ADDR_SIZE];

	if (!endpoint->id)
		return 0;
	snprintf(id, sizeof(id), "%u", endpoint->id);
	text_addr(&endpoint->addr, text);
	if (strcmp(it->what, "N") == 0)
		offer(it, id, text);
	else if (endpoint->addr.address)
		offer(it, endpoint->addr.address,
		      endpoint->interface ? endpoint->interface : "endpoint");
	return 0;
}

static int offer_local(void *data, const struct mptcpctl_interface *interface)
{
	const struct mptcpctl_interface_address *address = interface->addresses;

	for (; address; address = address->next)
		if (address->usable)
			offer(data, address->address, interface->name);
	return 0;
}

static int offer_policy(void *data, const struct mptcpctl_policy *policy)
{
	char plugins[256];

	offer(data, policy->name, text_join(policy->plugins, plugins, sizeof(plugins)));
	return 0;
}

static void offer_interfaces(const struct completing *it)
{
	struct if_nameindex *all = if_nameindex();

	for (size_t i = 0; all && all[i].if_index; i++)
		offer(it, all[i].if_name, "interface");
	if_freenameindex(all);
}

/* As ip-netns(8) has them. */
static void offer_namespaces(const struct completing *it)
{
	DIR *directory = opendir("/run/netns");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (*entry->d_name != '.')
			offer(it, entry->d_name, "network namespace");
	if (directory)
		closedir(directory);
}

/* Verbs; those of two words by their second one, behind the first. */
static void offer_verbs(const struct completing *it, const char *first)
{
	size_t length = strlen(first);

	for (size_t i = 0; i < n_verbs; i++) {
		const char *name = verbs[i].name, *space = strchr(name, ' ');

		if (!*first && !space)
			offer(it, name, verbs[i].help);
		else if (*first && space && (size_t)(space - name) == length &&
			 strncmp(name, first, length) == 0)
			offer(it, space + 1, verbs[i].help);
	}
}

/* ---- values ---- */

/* What only mptcpd knows; who cannot be asked offers nothing. */
static void offer_from_daemon(struct completing *it)
{
	struct mptcpctl *client = it->ctl.client;
	bool of_endpoint = strncmp(it->verb->name, "endpoint", 8) == 0;
	bool of_subflow = strncmp(it->verb->name, "subflow ", 8) == 0;

	if (lone_connect(&it->ctl, false) != EXIT_DONE)
		return;
	if (strcmp(it->what, "TOKEN") == 0)
		mptcpctl_list_connections(client, offer_token, it);
	else if (strcmp(it->what, "PREFIX") == 0)
		mptcpctl_list_connections(client, offer_remote, it);
	else if (strcmp(it->what, "NAME") == 0)
		mptcpctl_list_policies(client, offer_policy, it);
	else if (of_endpoint && strcmp(it->verb->name, "endpoint add") != 0)
		mptcpctl_list_endpoints(client, offer_endpoint, it);
	else if (strcmp(it->what, "N") == 0 && strcmp(it->verb->name, "withdraw") == 0)
		mptcpctl_get_connection(client, it->token, offer_announced, it);
	else if (of_subflow && (strncmp(it->what, "REMOTE", 6) == 0 ||
				strcmp(it->verb->name, "subflow add") != 0))
		mptcpctl_get_connection(client, it->token, offer_ends, it);
	else if (strncmp(it->what, "LOCAL", 5) == 0 || strcmp(it->what, "ADDRESS") == 0)
		mptcpctl_list_interfaces(client, offer_local, it);
}

static bool is_asked_of_daemon(const struct completing *it)
{
	static const char *const names[] = {"TOKEN", "PREFIX", "NAME",
					    "LOCAL", "REMOTE", "ADDRESS"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(it->what, names[i], strlen(names[i])) == 0)
			return true;
	return strcmp(it->what, "N") == 0 && strcmp(it->keyword, "id") == 0;
}

/* One alternative of a value: a word as it is, or the name of what there may be. */
static void offer_value(struct completing *it, const char *keyword, const char *name)
{
	it->what = name;
	it->keyword = keyword;
	if (!isupper((unsigned char)*name)) {
		offer(it, name, "");
	} else if (strcmp(name, "IF") == 0 ||
		   (strcmp(name, "NAME") == 0 && strcmp(it->verb->name, "interface") == 0)) {
		offer_interfaces(it);
	} else if (strcmp(name, "STATE") == 0) {
		for (size_t i = 0; filter_states[i]; i++)
			offer(it, filter_states[i], "");
	} else if (strcmp(name, "FILE") == 0) {
		print_line(FILES);
	} else if (strcmp(name, "COMMAND") == 0) {
		offer_verbs(it, "");
	} else if (is_asked_of_daemon(it)) {
		offer_from_daemon(it);
	}
}

static void offer_values(struct completing *it, const char *keyword, const char *values)
{
	char copy[48], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", values);
	for (char *each = strtok_r(copy, "|", &save); each; each = strtok_r(NULL, "|", &save))
		offer_value(it, keyword, each);
}

/* ---- usage lines ---- */

/* The next word of it, and whether it stands in brackets and ends there. NULL: no more. */
static const char *next_word(const char *usage, char *word, size_t size, bool *in_group,
			     bool *ret_ends)
{
	size_t depth = 0, n = 0;

	usage += strspn(usage, " ");
	if (*usage == '[') {
		*in_group = true;
		usage++;
	}
	if (!*usage)
		return NULL;
	for (; *usage && *usage != ' ' && (*usage != ']' || depth); usage++) {
		depth += *usage == '[';
		depth -= *usage == ']';
		if (n + 1 < size)
			word[n++] = *usage;
	}
	word[n] = '\0';
	*ret_ends = *usage == ']' || !*in_group;
	return *usage == ']' ? usage + 1 : usage;
}

/* "TOKEN [id N] backup|nobackup" in its items; returns how many. */
static size_t read_usage(const char *usage, struct item items[static ITEMS_MAX])
{
	bool in_group = false, ends = false;
	struct item *open = NULL; /* a keyword that has no value yet */
	char word[48];
	size_t n = 0;

	while ((usage = next_word(usage, word, sizeof(word), &in_group, &ends))) {
		bool is_value = isupper((unsigned char)*word) || strchr(word, '|');

		if (open) {
			strcpy(open->value, word);
			open = NULL;
		} else if (n < ITEMS_MAX) {
			items[n] = (struct item){.is_optional = in_group};
			strcpy(is_value ? items[n].value : items[n].keyword, word);
			/* Brackets that end behind a keyword have it alone. */
			if (!is_value && !(in_group && ends))
				open = &items[n];
			n++;
		}
		in_group &= !ends;
	}
	return n;
}

/* A value that stands where it stands; else it is known by its keyword, or is one itself. */
static bool is_placed(const struct item *item)
{
	return !*item->keyword && isupper((unsigned char)*item->value);
}

/* "b" of "a|b" */
static bool has_alternative(const char *values, const char *word)
{
	size_t length = strlen(word);

	while (*values) {
		size_t n = strcspn(values, "|");

		if (n == length && strncmp(values, word, n) == 0)
			return true;
		values += n + (values[n] == '|');
	}
	return false;
}

static size_t find_item(const struct item *items, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n &&
	       (is_placed(&items[i]) ||
		!has_alternative(*items[i].keyword ? items[i].keyword : items[i].value, word)))
		i++;
	return i;
}

static void offer_next(struct completing *it, const struct item *items, size_t n, const bool *used,
		       size_t n_placed)
{
	size_t before = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_placed(&items[i])) {
			if (!used[i] && *items[i].keyword)
				offer(it, items[i].keyword, items[i].value);
			else if (!used[i])
				offer_values(it, "", items[i].value);
			continue;
		}
		if (before++ == n_placed)
			offer_values(it, "", items[i].value);
		if (before > n_placed && !items[i].is_optional)
			return; /* it comes before all that follows */
	}
}

static void complete_arguments(struct completing *it)
{
	struct item items[ITEMS_MAX];
	bool used[ITEMS_MAX] = {0};
	size_t n = read_usage(it->verb->arguments, items), n_placed = 0;

	for (int i = 0; i < it->n_args; i++) {
		size_t found = find_item(items, n, it->args[i]);

		if (found == n) {
			n_placed++;
			continue;
		}
		used[found] = true;
		if (!*items[found].keyword || !*items[found].value)
			continue;
		if (++i == it->n_args) {
			offer_values(it, items[found].keyword, items[found].value);
			return;
		}
	}
	offer_next(it, items, n, used, n_placed);
}

/* ---- options, and the verb ---- */

static void offer_options(const struct completing *it)
{
	static const char *const options[][2] = {
		{"--json", "write JSON"},
		{"--watch", "list again and again"},
		{"--verbose", "more"},
		{"--color", "auto, always or never"},
		{"--headers", "head the columns"},
		{"--socket", "where mptcpd listens"},
		{"-N", "ask the mptcpd of a network namespace"},
		{"--bus", "ask over the system bus"},
		{"--peer", "whom doctor connects to"},
		{"--version", "print the version"},
		{"--help", "print help"},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		offer(it, options[i][0], options[i][1]);
}

/* Offer what the value of this option may be. */
static void offer_option(struct completing *it, const char *option)
{
	if (strcmp(option, "--socket") == 0)
		print_line(FILES);
	else if (strcmp(option, "--color") == 0)
		offer_values(it, "", "auto|always|never");
	else if (strcmp(option, "-N") == 0)
		offer_namespaces(it);
}

static void take_option(struct completing *it, const char *option, const char *value)
{
	if (strcmp(option, "--socket") == 0)
		it->ctl.socket = value;
	else if (strcmp(option, "-N") == 0)
		instance_choose(&it->ctl, value);
}

/* Is there a value behind it? That of --watch may be missing. */
static bool has_value(const char *option, const char *next)
{
	if (strcmp(option, "-w") == 0 || strcmp(option, "--watch") == 0)
		return next && watch_is_seconds(next);
	return strcmp(option, "--socket") == 0 || strcmp(option, "--peer") == 0 ||
	       strcmp(option, "--color") == 0 || strcmp(option, "-N") == 0;
}

/*
 * Take the words that are no options. False: the word to be completed is an option's value, and was
 * offered.
 */
static bool take_words(struct completing *it, int n_words, char **words)
{
	for (int i = 0; i < n_words; i++) {
		const char *word = words[i];

		if (has_value(word, i + 1 < n_words ? words[i + 1] : NULL)) {
			if (++i == n_words) {
				offer_option(it, word);
				return false;
			}
			take_option(it, word, words[i]);
		} else if (strncmp(word, "--socket=", 9) == 0) {
			it->ctl.socket = word + 9;
		} else if (strcmp(word, "--bus") == 0) {
			it->ctl.system_bus = true;
		} else if (*word != '-' && it->n_args < WORDS_MAX) {
			it->args[it->n_args++] = words[i];
		}
	}
	return true;
}

static void complete_word(struct completing *it)
{
	int n_words = 0;

	if (*it->word == '-')
		offer_options(it);
	if (!it->n_args) {
		offer_verbs(it, "");
		return;
	}
	it->verb = verb_find(it->n_args, it->args, &n_words);
	if (!it->verb)
		return;
	if (it->n_args == 1)
		offer_verbs(it, it->verb->name);
	it->n_args -= n_words;
	memmove(it->args, it->args + n_words, (size_t)it->n_args * sizeof(*it->args));
	if (it->n_args)
		ctl_parse_token(it->args[0], &it->token);
	if (it->verb->run == ctl_help && it->n_args)
		offer_verbs(it, it->args[0]);
	else
		complete_arguments(it);
}

int ctl_complete(int n_args, char **args)
{
	struct completing it = {.word = n_args ? args[n_args - 1] : "", .keyword = ""};

	if (mptcpctl_new(&it.ctl.client) < 0)
		return EXIT_FAILED;
	it.verb = &verbs[0];
	if (take_words(&it, n_args - 1, args))
		complete_word(&it);
	lone_end(&it.ctl);
	return EXIT_DONE;
}
