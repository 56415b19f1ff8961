/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the kernel's MPTCP stands on this host: is it on, and what keeps it from working? */
#include "daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "addr.h"
#include "netstat.h"
#include "sysctl.h"

/* False: this kernel looks for no black holes, or its counters cannot be read. */
static bool read_facts(struct blackhole_facts *ret_facts)
{
	static const char *const names[] = {"Blackhole", "MPCapableSYNACKRX",
					    "MPCapableSYNTXDisabled"};
	uint64_t values[sizeof(names) / sizeof(*names)];
	char timeout[32];

	if (sysctl_read("blackhole_timeout", timeout, sizeof(timeout)) < 0 ||
	    netstat_read(names, values, sizeof(names) / sizeof(*names)) < 0)
		return false;
	*ret_facts = (struct blackhole_facts){
		.found = values[0],
		.accepted = values[1],
		.spared = values[2],
		.timeout_ms = strtoull(timeout, NULL, 10) * 1000,
	};
	return true;
}

/* The time of day of a moment of our clock, in a form that also says which day. */
static const char *time_of_day(uint64_t at_ms, char text[static 32])
{
	time_t at = (time_t)(loop_real_ms(at_ms) / 1000);
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return text;
}

/* "since …, until …" as far as known. */
static const char *describe(const struct blackhole *blackhole, char text[static 128])
{
	char since[32] = "before mptcpd began to look", until[32] = "nobody knows when";
	uint64_t until_ms;

	if (blackhole->has_since)
		time_of_day(blackhole->since_ms, since);
	if (blackhole_until(blackhole, &until_ms))
		time_of_day(until_ms, until);
	snprintf(text, 128, "since %s, until %s", since, until);
	return text;
}

/* How many joins came to another port than their connection's, as far as the kernel counts them. */
static uint64_t count_mismatches(void)
{
	static const char *const names[] = {"MismatchPortSynRx"};
	uint64_t value = 0;

	(void)netstat_read(names, &value, 1);
	return value;
}

/* False: none came since we began to look. */
static bool describe_mismatches(const struct daemon *daemon, char text[static 256])
{
	uint64_t n = count_mismatches() - daemon->mismatches;

	snprintf(text, 256,
		 "%" PRIu64 " joins were refused because they came to another port than that of "
		 "their connection: a translation of ports in front of this host has to lead to "
		 "that",
		 n);
	return n > 0;
}

/* Once: who reads the journal looks at `status` then. */
static void tell_mismatches(struct daemon *daemon)
{
	char text[256];

	if (!daemon->counts_mismatches) {
		daemon->counts_mismatches = true;
		daemon->mismatches = count_mismatches();
	} else if (!daemon->told_mismatches && describe_mismatches(daemon, text)) {
		daemon->told_mismatches = true;
		l_warn("%s", text);
	}
}

/*
 * With two uplinks and no rule, what carries the second one's address leaves by the first. Said once.
 * Asked of a root name server, which is far away for everybody.
 */
void daemon_tell_strays(struct daemon *daemon)
{
	static const uint8_t root[4] = {198, 41, 0, 4};
	const struct mptcpd_addr far = addr_v4(root, 0);
	const struct model *model = engine_model(daemon->engine);
	struct table_entry *entry = table_first(&model->locals);
	char text[ADDR_TEXT_SIZE];

	if (model->rules->source_routing != SOURCE_ROUTING_NO)
		return;
	for (; entry; entry = table_next(entry)) {
		const struct local *local = table_owner(entry, struct local);
		int out;

		if (local->usability != USABLE || local->is.addr.family != AF_INET ||
		    !local->interface->route_v4)
			continue;
		out = kernel_ops.egress(daemon->kernel, &local->is.addr, &far, 0);
		if (out <= 0 || (uint32_t)out == local->interface->is.ifindex)
			continue;
		l_info("packets from %s, the address of %s, leave by %s unless a socket is bound "
		       "to "
		       "its link; 'source-routing = auto' in [core] changes it",
		       addr_format_host(&local->is.addr, text), local->interface->is.name,
		       model_interface_name(model, (uint32_t)out));
		return;
	}
}

void daemon_look_at_mptcp(struct daemon *daemon)
{
	struct blackhole *blackhole = &daemon->blackhole;
	struct blackhole_facts facts;
	char text[128];

	daemon->swept = false;
	tell_mismatches(daemon);
	if (!read_facts(&facts))
		return;
	switch (blackhole_look(blackhole, &facts, loop_now_ms())) {
	case BLACKHOLE_SAME:
		break;
	case BLACKHOLE_BEGAN:
		l_warn("SYNs with MPTCP get lost on the way (a black hole), so the kernel makes "
		       "plain TCP connections, %s",
		       describe(blackhole, text));
		break;
	case BLACKHOLE_ENDED:
		l_info("the kernel makes MPTCP connections again");
		break;
	}
}

void daemon_tell_mptcp(void *data, struct bus_mptcp *ret_mptcp)
{
	struct daemon *daemon = data;
	const struct blackhole *blackhole = &daemon->blackhole;

	daemon_look_at_mptcp(daemon);
	*ret_mptcp = (struct bus_mptcp){
		.enabled = sysctl_enabled() != 0,
		.has_since = blackhole->active && blackhole->has_since,
		.since_ms = blackhole->since_ms,
	};
	ret_mptcp->has_until = blackhole_until(blackhole, &ret_mptcp->until_ms);
}

/* Looks so far apart tell later of a dead path than they promise. */
#define LOOKS_RARE_MS 1000

static void tell_rp_filter(const struct interface *interface, bus_warning_func each,
			   void *each_data)
{
	char text[256], remedy[128];

	snprintf(text, sizeof(text),
		 "rp_filter is strict on %s: packets of subflows that are not on the best route "
		 "back "
		 "are dropped",
		 interface->is.name);
	snprintf(remedy, sizeof(remedy), "rp-filter = loose in [interface:%s]", interface->is.name);
	each(each_data, "rp-filter", text, remedy);
}

void daemon_tell_warnings(void *data, bus_warning_func each, void *each_data)
{
	struct daemon *daemon = data;
	const struct model *model = engine_model(daemon->engine);
	struct table_entry *entry;
	char dates[128], text[256];

	if (sysctl_enabled() == 0)
		each(each_data, "mptcp-disabled",
		     "MPTCP is switched off here: applications get no MPTCP sockets",
		     "sysctl net.mptcp.enabled=1");
	if (daemon->blackhole.active) {
		snprintf(text, sizeof(text),
			 "SYNs with MPTCP get lost on the way: new connections are plain TCP %s",
			 describe(&daemon->blackhole, dates));
		each(each_data, "blackhole", text,
		     "find the firewall or middlebox that drops MPTCP; "
		     "net.mptcp.blackhole_timeout=0 has the kernel try each time");
	}
	if (describe_mismatches(daemon, text))
		each(each_data, "port-mismatch", text,
		     "translate the announced port to the port on which the application listens");
	if (*engine_routing_conflict(daemon->engine)) {
		snprintf(text, sizeof(text), "source-routing makes nothing new: %s",
			 engine_routing_conflict(daemon->engine));
		each(each_data, "source-routing", text,
		     "choose other numbers with rule-priority and route-table in [core]");
	}
	if (engine_look_interval_ms(daemon->engine) > LOOKS_RARE_MS) {
		snprintf(text, sizeof(text),
			 "TCP sends much again on this host, so the health of links is looked at "
			 "only "
			 "every %.1f s",
			 engine_look_interval_ms(daemon->engine) / 1000.0);
		each(each_data, "health-looks", text,
		     "set probe in [interface:…] for links that matter");
	}
	for (entry = table_first(&model->interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		if (rpfilter_harms(model, interface))
			tell_rp_filter(interface, each, each_data);
	}
}
