/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the configuration says of source routing. */
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "config-private.h"
#include "key.h"
#include "value.h"

/* What the kernel numbers by itself, and people by hand, is left alone. */
#define TABLE_MIN 256
#define TABLE_MAX INT32_MAX
/* Before the main table, whose rule has priority 32766. */
#define PRIORITY_MIN 1
#define PRIORITY_MAX 32764

static const struct key_word source_routing_words[] = {{"auto", SOURCE_ROUTING_AUTO},
						       {"no", SOURCE_ROUTING_NO},
						       {"yes", SOURCE_ROUTING_YES},
						       {NULL}};

void config_read_source_routing(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	uint32_t bits;

	if (key_read_word(faults, line, source_routing_words, &bits))
		rules->source_routing = (enum source_routing)bits;
}

static void read_number(struct faults *faults, const struct ini_key *line, uint64_t min,
			uint64_t max, uint32_t *ret)
{
	uint64_t number;

	if (value_number(line->value, &number) < 0 || number < min || number > max)
		faults_add(faults, line->where, "%s is '%s', expected a number from %llu to %llu",
			   line->name, line->value, (unsigned long long)min,
			   (unsigned long long)max);
	else
		*ret = (uint32_t)number;
}

void config_read_route_table(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;

	read_number(faults, line, TABLE_MIN, TABLE_MAX, &rules->route_table);
}

void config_read_rule_priority(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;

	read_number(faults, line, PRIORITY_MIN, PRIORITY_MAX, &rules->rule_priority);
}

void config_read_spare(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;

	if (value_bool(line->value, &rules->spare_new_connections) < 0)
		faults_add(faults, line->where, "spare-new-connections is '%s', expected yes or no",
			   line->value);
}

void config_check_spare(struct config_loader *loader, const struct ini_group *core)
{
	const struct rules *rules = &loader->config->rules;

	if (rules->spare_new_connections && rules->source_routing == SOURCE_ROUTING_NO)
		faults_add(&loader->faults, ini_group_find(core, "spare-new-connections")->where,
			   "spare-new-connections = yes would move the packets of other programs "
			   "without source-routing, expected 'source-routing = auto' or 'yes'");
}

/* ---- gateway = auto | ADDR, or one of each family ---- */

static bool is_gateway(const struct mptcpd_addr *addr)
{
	return !addr->port && !mptcpd_addr_is_any(addr) && !mptcpd_addr_is_loopback(addr) &&
	       !mptcpd_addr_is_multicast(addr);
}

#define ADDRESS "an address like 192.0.2.1 or fe80::1"

static bool read_one(struct faults *faults, const struct ini_key *line, const char *text,
		     struct mptcpd_addr gateways[static 2])
{
	struct mptcpd_addr addr, *gateway;

	if (strcmp(text, "auto") == 0) {
		faults_add(faults, line->where,
			   "bad gateway '%s', expected auto alone, or " ADDRESS, line->value);
		return false;
	}
	if (addr_parse(text, &addr) < 0 || !is_gateway(&addr)) {
		faults_add(faults, line->where, "bad gateway '%s', expected auto, or " ADDRESS,
			   text);
		return false;
	}
	gateway = &gateways[addr.family == AF_INET6];
	if (gateway->family) {
		faults_add(faults, line->where, "two gateways of %s, expected one",
			   addr.family == AF_INET ? "IPv4" : "IPv6");
		return false;
	}
	*gateway = addr;
	return true;
}

void config_read_gateway(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	const char *cursor = line->value, *word;
	char text[64];
	size_t size;

	if (strcmp(line->value, "auto") == 0)
		return;
	if (rule->net.family) {
		faults_add(faults, line->where,
			   "a gateway is an interface's, and this group is for a prefix: expected "
			   "it in a group for an interface");
		return;
	}
	while ((word = value_next_word(&cursor, &size))) {
		if (size >= sizeof(text))
			size = sizeof(text) - 1;
		memcpy(text, word, size);
		text[size] = '\0';
		if (!read_one(faults, line, text, rule->gateways))
			return;
	}
}
