/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the kernel's MPTCP stands on this host: is it on, and what keeps it from working? */
#include "daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <time.h>

#include "addr.h"
#include "log.h"
#include "messages.h"
#include "netdev.h"
#include "netstat.h"
#include "state.h"
#include "sysctl.h"
#include "words.h"

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
		log_about(L_LOG_WARNING, &(struct log_about){.id = MESSAGE_PORT_MISMATCH}, "%s",
			  text);
	}
}

/* With two uplinks and no rule, what carries the second one's address leaves by the first. Said once. */
void daemon_tell_strays(struct daemon *daemon)
{
	static const struct mptcpd_addr world;
	const struct model *model = engine_model(daemon->engine);
	struct table_entry *entry = table_first(&model->locals);
	struct log_about about = {.id = MESSAGE_WRONG_LINK};
	char text[ADDR_TEXT_SIZE];

	if (model->rules->source_routing != SOURCE_ROUTING_NO)
		return;
	for (; entry; entry = table_next(entry)) {
		const struct local *local = table_owner(entry, struct local);
		int out;

		if (local->usability != USABLE || local->is.addr.family != AF_INET ||
		    !local->interface->route_v4)
			continue;
		out = kernel_ops.egress(daemon->kernel, &local->is.addr, &world, 0);
		if (out <= 0 || (uint32_t)out == local->interface->is.ifindex)
			continue;
		about.interface = local->interface->is.name;
		log_about(
			L_LOG_INFO, &about,
			"packets from %s, the address of %s, leave by %s unless a socket is bound "
			"to "
			"its link; 'source-routing = auto' in [core] changes it",
			addr_format_host(&local->is.addr, text), local->interface->is.name,
			model_interface_name(model, (uint32_t)out));
		return;
	}
}

void daemon_tell_systemd(const struct daemon *daemon, const char *lines)
{
	sd_notifyf(0, "%sSTATUS=Path manager: %s%s", lines,
		   config_path_manager_name(&daemon->config->rules),
		   daemon->mptcp_off ? "; MPTCP is switched off (net.mptcp.enabled is 0)" : "");
}

/* The sysctl has no event. What a reader of the journal has to do is said once each time. */
static void look_whether_on(struct daemon *daemon)
{
	bool is_off = sysctl_enabled() == 0;

	if (is_off == daemon->mptcp_off)
		return;
	daemon->mptcp_off = is_off;
	if (is_off)
		log_about(L_LOG_WARNING, &(struct log_about){.id = MESSAGE_MPTCP_OFF},
			  "MPTCP is switched off here: applications get no MPTCP sockets before "
			  "net.mptcp.enabled is 1; mptcpd waits for that");
	else
		log_about(L_LOG_INFO, &(struct log_about){.id = MESSAGE_MPTCP_ON},
			  "MPTCP is switched on again");
	if (daemon->ready)
		daemon_tell_systemd(daemon, "");
}

void daemon_look_at_mptcp(struct daemon *daemon)
{
	struct blackhole *blackhole = &daemon->blackhole;
	struct blackhole_facts facts;
	char text[128];

	daemon->swept = false;
	look_whether_on(daemon);
	tell_mismatches(daemon);
	if (!read_facts(&facts))
		return;
	switch (blackhole_look(blackhole, &facts, loop_now_ms())) {
	case BLACKHOLE_SAME:
		break;
	case BLACKHOLE_BEGAN:
		log_about(L_LOG_WARNING, &(struct log_about){.id = MESSAGE_BLACKHOLE_BEGAN},
			  "SYNs with MPTCP get lost on the way (a black hole), so the kernel makes "
			  "plain TCP connections, %s",
			  describe(blackhole, text));
		break;
	case BLACKHOLE_ENDED:
		log_about(L_LOG_INFO, &(struct log_about){.id = MESSAGE_BLACKHOLE_ENDED},
			  "the kernel makes MPTCP connections again");
		break;
	}
}

void daemon_tell_mptcp(void *data, struct bus_mptcp *ret_mptcp)
{
	struct daemon *daemon = data;
	const struct blackhole *blackhole = &daemon->blackhole;

	daemon_look_at_mptcp(daemon);
	*ret_mptcp = (struct bus_mptcp){
		.enabled = !daemon->mptcp_off,
		.has_since = blackhole->active && blackhole->has_since,
		.since_ms = blackhole->since_ms,
	};
	ret_mptcp->has_until = blackhole_until(blackhole, &ret_mptcp->until_ms);
}

void daemon_tell_counters(void *data, bus_counter_func each, void *each_data)
{
	(void)netstat_each(each, each_data); /* a kernel that has none tells none */
}

void daemon_tell_links(void *data, bus_link_func each, void *each_data)
{
	(void)netdev_each(each, each_data);
}

bool daemon_tell_scheduler(void *data, char *ret_name, size_t size)
{
	return sysctl_read("scheduler", ret_name, size) == 0;
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

/* Flags of the configuration that have no effect: of an address, once for its interface. */
static void tell_foreign(struct engine *engine, const struct interface *interface,
			 bus_warning_func each, void *each_data)
{
	char text[256], local[ADDR_TEXT_SIZE], is[FLAGS_TEXT_SIZE], wanted[FLAGS_TEXT_SIZE];
	const struct local *address = interface->locals;
	struct explain_foreign foreign;

	for (; address; address = address->next) {
		if (!engine_explain_foreign(engine, address, &foreign) ||
		    foreign.there->is.flags == foreign.wanted)
			continue;
		snprintf(text, sizeof(text),
			 "somebody else made endpoint %s of %s, with flags %s: %s of the "
			 "configuration is without effect there",
			 addr_format_host(&address->is.addr, local), interface->is.name,
			 flags_text(foreign.there->is.flags, is),
			 flags_text(foreign.wanted, wanted));
		each(each_data, "foreign-endpoint", text,
		     "if it is NetworkManager's: connection.mptcp-flags, see NEIGHBOURS in man "
		     "mptcpd");
		return;
	}
}

void daemon_tell_warnings(void *data, bus_warning_func each, void *each_data)
{
	struct daemon *daemon = data;
	const struct model *model = engine_model(daemon->engine);
	struct table_entry *entry;
	char dates[128], text[256];

	if (daemon->mptcp_off)
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
	if (!daemon->state || state_is_full(daemon->state))
		each(each_data, "state",
		     "what the kernel cannot tell is not saved, and will be lost when mptcpd is "
		     "started again: its runtime directory takes no file, or no more of it",
		     "systemctl restart mptcpd");
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
		tell_foreign(daemon->engine, interface, each, each_data);
	}
}
