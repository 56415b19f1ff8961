/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a group [policy:…] is for: its match-* keys, into struct policy_match. Each but the side is a
 * list, which is taken apart as those of plugins are.
 */
#include <ell/ell.h>
#include <string.h>

#include "addr.h"
#include "auto.h"
#include "config-private.h"
#include "key.h"
#include "setting.h"

static const struct key_word side_words[] = {{"client", MPTCPD_SIDE_CLIENT},
					     {"server", MPTCPD_SIDE_SERVER},
					     {NULL}};

void config_match_side(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;
	uint32_t side;

	if (key_read_word(faults, line, side_words, &side))
		match->side = (uint8_t)side;
}

/* ---- lists ---- */

#define NET_FORM "a prefix like 10.8.0.0/16 or fd00::/8, or an address"
#define PORT_FORM "a port like 443 or a range like 8000-8099"
#define INTERFACE_FORM "the name of an interface, or a glob like eth*"

/*
 * Is there nothing between two commas, or before or behind one? A list that was cut short matches what
 * nobody meant.
 */
static bool has_empty_item(const char *text)
{
	bool was_comma = true;

	for (; *text; text++) {
		if (*text == ',' && was_comma)
			return true;
		if (*text != ' ' && *text != '\t')
			was_comma = *text == ',';
	}
	return was_comma;
}

static void add_fault(struct faults *faults, const struct ini_key *line, const char *value,
		      const char *expected)
{
	faults_add(faults, line->where, "bad value '%s' of '%s', expected %s", value, line->name,
		   expected);
}

/* A list of this type, which has an item at least, of this form. False: reported. */
static bool read_list(struct faults *faults, const struct ini_key *line,
		      enum mptcpd_setting_type type, const char *form, struct mptcpd_list *ret)
{
	const struct mptcpd_setting setting = {.name = line->name, .type = type};
	AUTO(l_free) char *expected = NULL;
	struct mptcpd_value value = {0};

	if (setting_parse(&setting, line->value, &value, &expected) < 0)
		add_fault(faults, line, line->value, expected);
	else if (value.items.n == 0)
		add_fault(faults, line, line->value, form);
	else if (has_empty_item(line->value))
		add_fault(faults, line, line->value, "something before and behind each comma");
	*ret = value.items;
	return ret->n > 0;
}

/* Reads one item. NULL: done; else what was expected, for l_free(). */
typedef char *(*item_func)(const char *text, void *item);

/* A list of items of this size, one for each word. */
static void read_items(struct faults *faults, const struct ini_key *line, size_t size,
		       item_func read, const char *form, struct mptcpd_list *ret)
{
	struct mptcpd_list words;
	char *items;

	if (!read_list(faults, line, MPTCPD_SETTING_WORDS, form, &words))
		return;
	items = l_malloc(words.n * size);
	*ret = (struct mptcpd_list){items, words.n, size};
	for (size_t i = 0; i < words.n; i++) {
		const char *const *word = mptcpd_list_get(&words, i);
		AUTO(l_free) char *expected = read(*word, items + i * size);

		if (expected)
			add_fault(faults, line, *word, expected);
	}
	l_free((void *)(uintptr_t)words.first);
}

void config_match_done(struct policy_match *match)
{
	const struct mptcpd_list *const lists[] = {&match->locals, &match->remotes,
						   &match->local_ports, &match->remote_ports,
						   &match->interfaces};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		l_free((void *)(uintptr_t)lists[i]->first);
}

/* ---- addresses ---- */

/* Only its first bits. */
static struct mptcpd_addr cut(const struct mptcpd_addr *addr, uint8_t prefix)
{
	struct mptcpd_addr net = *addr;

	for (size_t i = 0; i < sizeof(net.ip); i++)
		if (8 * i + 8 > prefix)
			net.ip[i] &= 8 * i >= prefix ? 0 : (uint8_t)(0xff << (8 * i + 8 - prefix));
	return net;
}

static char *read_net(const char *text, void *item)
{
	struct net *net = item;
	struct mptcpd_addr start;
	char expected[ADDR_TEXT_SIZE], host[ADDR_TEXT_SIZE];

	if (mptcpd_addr_parse_prefix(text, &net->addr, &net->prefix) < 0)
		return l_strdup(NET_FORM);
	start = cut(&net->addr, net->prefix);
	if (addr_equal(&start, &net->addr))
		return NULL;
	return l_strdup_printf("%s/%u, or %s for that address alone", addr_format(&start, expected),
			       net->prefix, addr_format(&net->addr, host));
}

void config_match_local_address(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_items(faults, line, sizeof(struct net), read_net, NET_FORM, &match->locals);
}

void config_match_remote_address(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_items(faults, line, sizeof(struct net), read_net, NET_FORM, &match->remotes);
}

/* ---- ports and interfaces ---- */

void config_match_local_port(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_list(faults, line, MPTCPD_SETTING_PORTS, PORT_FORM, &match->local_ports);
}

void config_match_remote_port(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_list(faults, line, MPTCPD_SETTING_PORTS, PORT_FORM, &match->remote_ports);
}

bool config_is_interface_glob(const char *text)
{
	return !strchr(text, '/') && (strlen(text) < MPTCPD_IFNAME_SIZE || strpbrk(text, "*?["));
}

void config_match_interface(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	if (!read_list(faults, line, MPTCPD_SETTING_WORDS, INTERFACE_FORM, &match->interfaces))
		return;
	for (size_t i = 0; i < match->interfaces.n; i++) {
		const char *const *glob = mptcpd_list_get(&match->interfaces, i);

		if (!config_is_interface_glob(*glob))
			faults_add(
				faults, line->where,
				"no interface is called '%s' of '%s', expected a name of at most "
				"%d characters, or a glob like eth*",
				*glob, line->name, MPTCPD_IFNAME_SIZE - 1);
	}
}
