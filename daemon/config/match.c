/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a group [policy:…] is for: its match-* keys, into struct policy_match. Each but the side is a
 * list, which is taken apart as those of plugins are.
 */
#include <ell/ell.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
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
#define UID_FORM "the name of a user, a number like 1000, or a range like 1000-1999"
#define MARK_FORM "a mark like 0x10, or a mark and a mask like 0x10/0xf0"
#define CGROUP_FORM                                                                                \
	"a path from the root of the tree of cgroups, like /system.slice/nginx.service, or a "     \
	"glob "                                                                                    \
	"like /user.slice/*"

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
	const struct mptcpd_list *const lists[] = {&match->locals,	&match->remotes,
						   &match->local_ports, &match->remote_ports,
						   &match->interfaces,	&match->uids,
						   &match->marks,	&match->cgroups};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		l_free((void *)(uintptr_t)lists[i]->first);
}

/* ---- addresses ---- */

static char *read_net(const char *text, void *item)
{
	struct net *net = item;

	return mptcpd_addr_parse_prefix(text, &net->addr, &net->prefix) < 0 ? l_strdup(NET_FORM)
									    : NULL;
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

/* ---- whose the socket is ---- */

/*
 * Asks the file first: other sources of users may not answer for a long time, and everybody waits for
 * the configuration. False: there is none such.
 */
static bool find_user(const char *name, uint32_t *ret_uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *user = NULL;

	while (file && (user = fgetpwent(file)) && strcmp(user->pw_name, name) != 0)
		;
	if (!user)
		user = getpwnam(name);
	if (user)
		*ret_uid = user->pw_uid;
	if (file)
		fclose(file);
	return user;
}

/* Decimal, or hexadecimal after 0x; as far as `end`, a character or the end of the text. */
static bool read_u32(const char *text, char end, const char **ret_rest, uint32_t *ret)
{
	bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = is_hex ? text + 2 : text;
	unsigned long long number;
	char *rest;

	if (!strchr(is_hex ? "0123456789abcdefABCDEF" : "0123456789", *digits) || !*digits)
		return false;
	errno = 0;
	number = strtoull(digits, &rest, is_hex ? 16 : 10);
	if (errno || number > UINT32_MAX || (*rest && *rest != end))
		return false;
	*ret = (uint32_t)number;
	*ret_rest = *rest ? rest + 1 : NULL;
	return true;
}

/* UINT32_MAX is nobody's. */
static char *read_uids(const char *text, void *item)
{
	struct uid_range *range = item;
	const char *rest;

	if (text[strspn(text, "0123456789-")]) {
		if (!find_user(text, &range->min))
			return l_strdup("a user that there is, or a number like 1000");
		range->max = range->min;
		return NULL;
	}
	if (!read_u32(text, '-', &rest, &range->min) ||
	    !read_u32(rest ? rest : text, rest ? '\0' : '-', &rest, &range->max) ||
	    range->max == UINT32_MAX || range->min > range->max)
		return l_strdup(UID_FORM ", of 0 to 4294967294, the lower one first");
	return NULL;
}

void config_match_uid(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_items(faults, line, sizeof(struct uid_range), read_uids, UID_FORM, &match->uids);
}

static char *read_mark(const char *text, void *item)
{
	struct mark_bits *bits = item;
	const char *mask;

	bits->mask = UINT32_MAX;
	if (!read_u32(text, '/', &mask, &bits->value) ||
	    (mask && (!read_u32(mask, '\0', &mask, &bits->mask) || bits->mask == 0)))
		return l_strdup(MARK_FORM ", of 32 bits");
	if (bits->value & ~bits->mask)
		return l_strdup_printf("0x%x/0x%x, as the mask leaves no more of it",
				       bits->value & bits->mask, bits->mask);
	return NULL;
}

void config_match_mark(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	read_items(faults, line, sizeof(struct mark_bits), read_mark, MARK_FORM, &match->marks);
}

/* Nothing else than such paths is told of a cgroup. */
static bool is_cgroup_glob(const char *text)
{
	return (text[0] == '/' || text[0] == '*') && strncmp(text, "/sys/fs/cgroup", 14) != 0 &&
	       !strstr(text, "//") && (!text[1] || text[strlen(text) - 1] != '/');
}

void config_match_cgroup(struct faults *faults, const struct ini_key *line, void *into)
{
	struct policy_match *match = into;

	if (!read_list(faults, line, MPTCPD_SETTING_WORDS, CGROUP_FORM, &match->cgroups))
		return;
	for (size_t i = 0; i < match->cgroups.n; i++) {
		const char *const *glob = mptcpd_list_get(&match->cgroups, i);

		if (!is_cgroup_glob(*glob))
			add_fault(faults, line, *glob, CGROUP_FORM);
	}
}
