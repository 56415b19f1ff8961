/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schema.h"

#include <stddef.h>

#include "wire.h"

#define AT(structure, name)                                                                        \
	{                                                                                          \
		offsetof(struct structure, name), sizeof(((struct structure *)NULL)->name)         \
	}

/* ---- connections ---- */

#define M(name) AT(mptcpctl_subflow, name)
#define MEASURED .flags = FIELD_EXTRA | FIELD_ABSENT, .known = M(measured)
static const struct field subflow_fields[] = {
	{"local", FIELD_ADDR, M(local)},
	{"remote", FIELD_ADDR, M(remote)},
	{"local-id", FIELD_U8, M(local_id)},
	{"remote-id", FIELD_U8, M(remote_id)},
	{"interface", FIELD_TEXT, M(interface)},
	{"state", FIELD_NAME, M(state)},
	{"initial", FIELD_BOOL, M(initial)},
	{"backup", FIELD_BOOL, M(backup)},
	{"peer-backup", FIELD_BOOL, M(peer_backup)},
	{"origin", FIELD_TEXT, M(origin)},
	{"error", FIELD_TEXT, M(error)},
	{"rtt-us", FIELD_U32, M(rtt_us), MEASURED},
	{"bytes-sent", FIELD_U64, M(bytes_sent), MEASURED},
	{"bytes-received", FIELD_U64, M(bytes_received), MEASURED},
	{"retransmits", FIELD_U32, M(retransmits), MEASURED},
	{"measured-ms-ago", FIELD_U64, M(measured_ms_ago), FIELD_EXTRA | FIELD_WIRE},
	{"send-rate", FIELD_U64, M(send_rate), FIELD_EXTRA | FIELD_ABSENT, .known = M(has_rates)},
	{"receive-rate", FIELD_U64, M(receive_rate), FIELD_EXTRA | FIELD_ABSENT,
	 .known = M(has_rates)},
	{"share", FIELD_SHARE, M(share), FIELD_EXTRA | FIELD_ABSENT, .known = M(has_share)},
	{"age-ms", FIELD_U64, M(age_ms), FIELD_EXTRA | FIELD_ABSENT, .known = M(has_age)},
	{"health", FIELD_TEXT, M(health), FIELD_EXTRA | FIELD_ABSENT, .known = M(health)},
	{"congestion-control", FIELD_TEXT, M(congestion_control), FIELD_EXTRA | FIELD_ABSENT,
	 .known = M(congestion_control)},
	{"unsent-bytes", FIELD_U64, M(unsent_bytes), FIELD_EXTRA | FIELD_ABSENT,
	 .known = M(has_unsent)},
	{NULL},
};
const struct record schema_subflow = {WIRE_SUBFLOW, sizeof(struct mptcpctl_subflow),
				      subflow_fields};
#undef M

#define M(name) AT(mptcpctl_address, name)
static const struct field address_fields[] = {
	{"address", FIELD_ADDR_HERE, M(addr)},
	{"id", FIELD_U8, M(id)},
	{NULL},
};
static const struct record address = {WIRE_ADDRESS, sizeof(struct mptcpctl_address),
				      address_fields};
#undef M

#define M(name) AT(mptcpctl_connection, name)
#define UNLESS(name) .flags = FIELD_UNLESS, .known = M(name)
#define DETAIL(name) .flags = FIELD_EXTRA | FIELD_ABSENT, .known = M(name)
static const struct field connection_fields[] = {
	{"token", FIELD_TOKEN, M(token)},
	{"state", FIELD_NAME, M(state)},
	{"side", FIELD_NAME, M(side)},
	{"path-manager", FIELD_NAME, M(path_manager)},
	{"fallback", FIELD_BOOL, M(fallback)},
	{"deny-join-id0", FIELD_BOOL, M(deny_join_id0), FIELD_EXTRA},
	{"policy", FIELD_TEXT, M(policy)},
	{"local", FIELD_ADDR, M(local)},
	{"remote", FIELD_ADDR, M(remote)},
	{"subflows", FIELD_LIST, M(subflows), .of = &schema_subflow},
	{"announced", FIELD_LIST, M(announced), .of = &address, UNLESS(announced_unknown)},
	{"peer-addresses", FIELD_LIST, M(peer_addresses), .of = &address,
	 UNLESS(peer_addresses_unknown)},
	{"age-ms", FIELD_U64, M(age_ms), FIELD_EXTRA | FIELD_ABSENT, .known = M(has_age)},
	{"bytes-sent", FIELD_U64, M(bytes_sent), FIELD_EXTRA | FIELD_ABSENT, .known = M(counted)},
	{"bytes-received", FIELD_U64, M(bytes_received), FIELD_EXTRA | FIELD_ABSENT,
	 .known = M(counted)},
	{"announced-unknown", FIELD_BOOL, M(announced_unknown), FIELD_EXTRA | FIELD_WIRE},
	{"peer-addresses-unknown", FIELD_BOOL, M(peer_addresses_unknown), FIELD_EXTRA | FIELD_WIRE},
	{"unacknowledged-bytes", FIELD_U64, M(unacknowledged_bytes), DETAIL(has_unacknowledged)},
	{"reinjected-bytes", FIELD_U64, M(reinjected_bytes), DETAIL(has_reinjected)},
	{"reinjections", FIELD_U32, M(reinjections), DETAIL(has_reinjected)},
	{"scheduler", FIELD_TEXT, M(scheduler), DETAIL(scheduler)},
	{"rate-sent", FIELD_U64, M(rate_sent), DETAIL(rated)},
	{"rate-received", FIELD_U64, M(rate_received), DETAIL(rated)},
	{NULL},
};
const struct record schema_connection = {WIRE_CONNECTION, sizeof(struct mptcpctl_connection),
					 connection_fields};
#undef M

/* ---- the host ---- */

#define M(name) AT(mptcpctl_endpoint, name)
#define STATE .flags = FIELD_EXTRA | FIELD_ABSENT, .known = M(state)
static const struct field endpoint_fields[] = {
	{"id", FIELD_U8, M(id), .known = M(id)},
	{"address", FIELD_TEXT, M(addr.address)},
	{"port", FIELD_U16, M(addr.port)},
	{"interface", FIELD_TEXT, M(interface)},
	{"flags", FIELD_STRINGS, M(flags)},
	{"owner", FIELD_TEXT, M(owner)},
	{"state", FIELD_TEXT, M(state), STATE},
	{"reason", FIELD_TEXT, M(reason), STATE},
	{"text", FIELD_TEXT, M(text), STATE},
	{"needed-by", FIELD_U64, M(needed_by), STATE},
	{NULL},
};
const struct record schema_endpoint = {WIRE_ENDPOINT, sizeof(struct mptcpctl_endpoint),
				       endpoint_fields};
#undef M

#define M(name) AT(mptcpctl_limits, name)
static const struct field limits_fields[] = {
	{"subflows", FIELD_U32, M(subflows)},
	{"add-addr-accepted", FIELD_U32, M(add_addr_accepted)},
	{NULL},
};
const struct record schema_limits = {NULL, sizeof(struct mptcpctl_limits), limits_fields};
#undef M

#define M(name) AT(mptcpctl_interface_address, name)
static const struct field interface_address_fields[] = {
	{"address", FIELD_NAME, M(address)},
	{"prefix", FIELD_U8, M(prefix)},
	{"usable", FIELD_BOOL, M(usable)},
	{"reason", FIELD_TEXT, M(reason)},
	{"source-rule", FIELD_TEXT, M(source_rule), FIELD_EXTRA},
	{"route-table", FIELD_U32, M(route_table), FIELD_EXTRA, .known = M(route_table)},
	{"gateway", FIELD_TEXT, M(gateway), FIELD_EXTRA},
	{"foreign-flags", FIELD_STRINGS, M(foreign_flags), FIELD_EXTRA},
	{NULL},
};
static const struct record interface_address = {WIRE_INTERFACE_ADDRESS,
						sizeof(struct mptcpctl_interface_address),
						interface_address_fields};
#undef M

#define M(name) AT(mptcpctl_interface, name)
static const struct field interface_fields[] = {
	{"name", FIELD_NAME, M(name)},
	{"index", FIELD_U32, M(index)},
	{"type", FIELD_TEXT, M(type), FIELD_EXTRA},
	{"up", FIELD_BOOL, M(up), FIELD_EXTRA},
	{"carrier", FIELD_BOOL, M(carrier)},
	{"use", FIELD_BOOL, M(use)},
	{"reason", FIELD_TEXT, M(reason), FIELD_EXTRA},
	{"flags", FIELD_STRINGS, M(flags)},
	{"addresses", FIELD_LIST, M(addresses), .of = &interface_address},
	{"ipv4", FIELD_BOOL, M(route_ipv4), .inside = "default-route"},
	{"ipv6", FIELD_BOOL, M(route_ipv6), .inside = "default-route"},
	{"rp-filter-strict", FIELD_BOOL, M(rp_filter_strict), FIELD_EXTRA},
	{"health", FIELD_TEXT, M(health), FIELD_EXTRA},
	{"health-ipv4", FIELD_TEXT, M(health_ipv4), FIELD_EXTRA},
	{"health-ipv6", FIELD_TEXT, M(health_ipv6), FIELD_EXTRA},
	{"health-since-ms", FIELD_U64, M(health_since_ms), FIELD_EXTRA,
	 .known = M(health_since_ms)},
	{"health-reason", FIELD_TEXT, M(health_reason), FIELD_EXTRA},
	{"health-text", FIELD_TEXT, M(health_text), FIELD_EXTRA},
	{NULL},
};
const struct record schema_interface = {WIRE_INTERFACE, sizeof(struct mptcpctl_interface),
					interface_fields};
#undef M

/* ---- why ---- */

#define M(name) AT(mptcpctl_setting, name)
static const struct field setting_fields[] = {
	{"key", FIELD_NAME, M(key)},
	{"value", FIELD_NAME, M(value)},
	{NULL},
};
const struct record schema_setting = {"{ss}", sizeof(struct mptcpctl_setting), setting_fields,
				      .is_closed = true};
#undef M

#define M(name) AT(mptcpctl_policy, name)
static const struct field policy_fields[] = {
	{"name", FIELD_NAME, M(name)},
	{"plugins", FIELD_STRINGS, M(plugins)},
	{"match", FIELD_SETTINGS, M(match), .of = &schema_setting},
	{"settings", FIELD_SETTINGS, M(settings), .of = &schema_setting},
	{"connections", FIELD_U64, M(connections)},
	{"decides", FIELD_BOOL, M(decides), FIELD_EXTRA},
	{NULL},
};
const struct record schema_policy = {WIRE_POLICY, sizeof(struct mptcpctl_policy), policy_fields};
#undef M

#define M(name) AT(mptcpctl_path, name)
static const struct field path_fields[] = {
	{"local", FIELD_ADDR, M(local)},
	{"remote", FIELD_ADDR, M(remote)},
	{"interface", FIELD_TEXT, M(interface)},
	{"backup", FIELD_BOOL, M(backup), FIELD_JSON},
	{"wanted-by", FIELD_TEXT, M(wanted_by)},
	{"forbidden-by", FIELD_TEXT, M(forbidden_by)},
	{"state", FIELD_NAME, M(state)},
	{"error", FIELD_TEXT, M(error)},
	{"attempts", FIELD_U32, M(attempts)},
	{"backup", FIELD_BOOL, M(backup), FIELD_WIRE},
	{"next-try-ms", FIELD_U64, M(next_try_ms), FIELD_EXTRA, .known = M(has_next_try)},
	{"reason", FIELD_TEXT, M(reason), FIELD_EXTRA},
	{"text", FIELD_TEXT, M(text), FIELD_EXTRA},
	{"remedy", FIELD_TEXT, M(remedy), FIELD_EXTRA},
	{NULL},
};
const struct record schema_path = {WIRE_EXPLAIN_PATH, sizeof(struct mptcpctl_path), path_fields};
#undef M

#define M(name) AT(mptcpctl_announcement, name)
static const struct field announcement_fields[] = {
	{"address", FIELD_ADDR_HERE, M(addr)},
	{"id", FIELD_U8, M(id)},
	{"wanted-by", FIELD_TEXT, M(wanted_by)},
	{"sent", FIELD_BOOL, M(sent)},
	{"listening", FIELD_BOOL, M(listening)},
	{"joined", FIELD_BOOL, M(joined), FIELD_EXTRA},
	{"reason", FIELD_TEXT, M(reason), FIELD_EXTRA},
	{"text", FIELD_TEXT, M(text), FIELD_EXTRA},
	{"remedy", FIELD_TEXT, M(remedy), FIELD_EXTRA},
	{NULL},
};
static const struct record announcement = {WIRE_ANNOUNCEMENT, sizeof(struct mptcpctl_announcement),
					   announcement_fields};
#undef M

#define M(name) AT(mptcpctl_explanation, name)
#define EXPLANATION(token_flags)                                                                   \
	{"token", FIELD_TOKEN, M(token), token_flags}, {"policy", FIELD_TEXT, M(policy)},          \
		{"side", FIELD_TEXT, M(side), FIELD_EXTRA},                                        \
		{"path-manager", FIELD_TEXT, M(path_manager), FIELD_EXTRA},                        \
		{"paths", FIELD_LIST, M(paths), .of = &schema_path},                               \
		{"announcements", FIELD_LIST, M(announcements), .of = &announcement},              \
		{"text", FIELD_TEXT, M(text), FIELD_EXTRA},                                        \
	{                                                                                          \
		NULL                                                                               \
	}
static const struct field explanation_fields[] = {EXPLANATION(FIELD_JSON)};
const struct record schema_explanation = {NULL, sizeof(struct mptcpctl_explanation),
					  explanation_fields};
/* The same, one of many. */
static const struct field listed_explanation_fields[] = {EXPLANATION(0)};
const struct record schema_listed_explanation = {WIRE_EXPLANATION,
						 sizeof(struct mptcpctl_explanation),
						 listed_explanation_fields};
#undef M

#define M(name) AT(mptcpctl_policy_test, name)
static const struct field policy_test_fields[] = {
	{"policy", FIELD_TEXT, M(policy), FIELD_JSON},
	{"interface", FIELD_TEXT, M(interface), FIELD_EXTRA},
	{"reason", FIELD_TEXT, M(reason), FIELD_EXTRA},
	{"text", FIELD_TEXT, M(text), FIELD_EXTRA},
	{"missing", FIELD_STRINGS, M(missing), FIELD_EXTRA},
	{"paths", FIELD_LIST, M(paths), .of = &schema_path},
	{"announcements", FIELD_LIST, M(announcements), .of = &announcement},
	{"policy", FIELD_TEXT, M(policy), FIELD_WIRE},
	{NULL},
};
const struct record schema_policy_test = {NULL, sizeof(struct mptcpctl_policy_test),
					  policy_test_fields};
#undef M

#define M(name) AT(mptcpctl_config, name)
static const struct field config_fields[] = {
	{"group", FIELD_NAME, M(group)},
	{"key", FIELD_NAME, M(key)},
	{"value", FIELD_NAME, M(value)},
	{"file", FIELD_NAME, M(file)},
	{"line", FIELD_U32, M(line), .known = M(line)},
	{NULL},
};
const struct record schema_config = {WIRE_CONFIG, sizeof(struct mptcpctl_config), config_fields};
#undef M

#define M(name) AT(mptcpctl_listener, name)
static const struct field listener_fields[] = {
	{"protocol", FIELD_NAME, M(protocol)},
	{"local", FIELD_ADDR, M(local)},
	{"inode", FIELD_U64, M(inode)},
	{NULL},
};
const struct record schema_listener = {WIRE_LISTENER, sizeof(struct mptcpctl_listener),
				       listener_fields};
#undef M

/* ---- a screen ---- */

#define M(name) AT(mptcpctl_link, name)
static const struct field link_fields[] = {
	{"name", FIELD_NAME, M(name)},
	{"bytes-received", FIELD_U64, M(bytes_received)},
	{"bytes-sent", FIELD_U64, M(bytes_sent)},
	{"works", FIELD_BOOL, M(works)},
	{"health", FIELD_NAME, M(health)},
	{NULL},
};
static const struct record link = {WIRE_LINK, sizeof(struct mptcpctl_link), link_fields};
#undef M

#define M(name) AT(mptcpctl_top, name)
static const struct field top_fields[] = {
	{"links", FIELD_LIST, M(links), .of = &link},
	{"time-ms", FIELD_U64, M(time_ms), FIELD_EXTRA},
	{"connections", FIELD_U64, M(connections), FIELD_EXTRA},
	{"subflows", FIELD_U64, M(subflows), FIELD_EXTRA},
	{"matching", FIELD_U64, M(matching), FIELD_EXTRA},
	{"path-manager", FIELD_TEXT, M(path_manager), FIELD_EXTRA},
	{"scheduler", FIELD_TEXT, M(scheduler), FIELD_EXTRA},
	{NULL},
};
const struct record schema_top = {NULL, sizeof(struct mptcpctl_top), top_fields};
#undef M

/* ---- metrics ---- */

#define M(name) AT(mptcpctl_sample, name)
static const struct field sample_fields[] = {
	{"suffix", FIELD_TEXT, M(suffix), FIELD_ABSENT, .known = M(suffix)},
	{"labels", FIELD_SETTINGS, M(labels), .of = &schema_setting},
	{"value", FIELD_DOUBLE, M(value)},
	{NULL},
};
static const struct record sample = {WIRE_SAMPLE, sizeof(struct mptcpctl_sample), sample_fields,
				     .is_closed = true};
#undef M

#define M(name) AT(mptcpctl_metric, name)
static const struct field metric_fields[] = {
	{"name", FIELD_NAME, M(name)},
	{"type", FIELD_NAME, M(type)},
	{"help", FIELD_NAME, M(help)},
	{"samples", FIELD_LIST, M(samples), .of = &sample},
	{NULL},
};
const struct record schema_metric = {WIRE_METRIC, sizeof(struct mptcpctl_metric), metric_fields,
				     .is_closed = true};
#undef M

/* ---- status ---- */

#define M(name) AT(mptcpctl_aside, name)
static const struct field aside_fields[] = {
	{"plugin", FIELD_NAME, M(plugin)},
	{"token", FIELD_TOKEN, M(token), .known = M(token)},
	{"since-ms", FIELD_U64, M(since_ms)},
	{NULL},
};
static const struct record aside = {WIRE_ASIDE, sizeof(struct mptcpctl_aside), aside_fields,
				    .is_closed = true};
#undef M

#define M(name) AT(mptcpctl_warning, name)
static const struct field warning_fields[] = {
	{"reason", FIELD_NAME, M(reason)},
	{"text", FIELD_NAME, M(text)},
	{"remedy", FIELD_TEXT, M(remedy)},
	{NULL},
};
static const struct record warning = {WIRE_WARNING, sizeof(struct mptcpctl_warning), warning_fields,
				      .is_closed = true};
#undef M

#define M(name) AT(mptcpctl_status, name)
#define MPTCP(name) FIELD_EXTRA, .known = M(name), .inside = "mptcp"
/* Counted by a method of its own. */
#define COUNTED .flags = FIELD_JSON | FIELD_ABSENT, .known = M(counted)
static const struct field status_fields[] = {
	{"version", FIELD_NAME, M(version)},
	{"path-manager", FIELD_NAME, M(path_manager)},
	{"connections", FIELD_U64, M(connections)},
	{"subflows", FIELD_U64, M(subflows)},
	{"endpoints", FIELD_U64, M(endpoints)},
	{"events", FIELD_U64, M(events)},
	{"events-lost", FIELD_U64, M(events_lost)},
	{"events-bad", FIELD_U64, M(events_bad), FIELD_EXTRA},
	{"malformed", FIELD_U64, M(malformed), FIELD_EXTRA},
	{"resyncs", FIELD_U64, M(resyncs)},
	{"commands", FIELD_U64, M(commands)},
	{"command-errors", FIELD_U64, M(command_errors)},
	{"plans-refused", FIELD_U64, M(plans_refused), FIELD_EXTRA},
	{"announcements-refused", FIELD_U64, M(announcements_refused), FIELD_EXTRA},
	{"degraded", FIELD_BOOL, M(degraded), FIELD_EXTRA},
	{"set-aside", FIELD_LIST, M(asides), FIELD_EXTRA, .of = &aside},
	{"mptcp-enabled", FIELD_BOOL, M(mptcp_enabled), FIELD_EXTRA, .inside = "mptcp",
	 .json = "enabled"},
	{"blackhole-since-ms", FIELD_U64, M(blackhole_since_ms), MPTCP(blackhole_since_ms)},
	{"blackhole-until-ms", FIELD_U64, M(blackhole_until_ms), MPTCP(blackhole_until_ms)},
	{"warnings", FIELD_LIST, M(warnings), FIELD_EXTRA, .of = &warning},
	{"multi-path", FIELD_U64, M(multi_path), COUNTED},
	{"single-path", FIELD_U64, M(single_path), COUNTED},
	{"fallen-back", FIELD_U64, M(fallen_back), COUNTED},
	{"unhealthy", FIELD_U64, M(unhealthy), COUNTED},
	{"uptime-ms", FIELD_U64, M(uptime_ms), FIELD_EXTRA},
	{"plugins", FIELD_STRINGS, M(plugins)},
	{"config", FIELD_STRINGS, M(config)},
	{NULL},
};
const struct record schema_status = {NULL, sizeof(struct mptcpctl_status), status_fields};
#undef M

#define M(name) AT(connection_counts, name)
static const struct field connection_counts_fields[] = {
	{"multi-path", FIELD_U64, M(multi_path), FIELD_EXTRA},
	{"single-path", FIELD_U64, M(single_path), FIELD_EXTRA},
	{"fallen-back", FIELD_U64, M(fallen_back), FIELD_EXTRA},
	{"unhealthy", FIELD_U64, M(unhealthy), FIELD_EXTRA},
	{"next", FIELD_U64, M(next), FIELD_WIRE},
	{NULL},
};
const struct record schema_connection_counts = {NULL, sizeof(struct connection_counts),
						connection_counts_fields};
#undef M

/* ---- events ---- */

#define M(name) AT(event_told, event.name)
#define ONLY(members) .only = EVENT_HAS_##members
static const struct field event_fields[] = {
	{"time", FIELD_TIME, M(time_us)},
	{"event", FIELD_NAME, M(name)},
	{"position", FIELD_U64, AT(event_told, position), FIELD_WIRE},
	{"token", FIELD_TOKEN, M(token), ONLY(TOKEN)},
	{"side", FIELD_TEXT, M(side), ONLY(TOKEN)},
	{"policy", FIELD_TEXT, M(policy), FIELD_JSON, ONLY(TOKEN)},
	{"local", FIELD_ADDR, M(local), ONLY(LOCAL)},
	{"remote", FIELD_ADDR, M(remote), ONLY(REMOTE)},
	{"local-id", FIELD_U8, M(local_id), ONLY(LOCAL_ID)},
	{"remote-id", FIELD_U8, M(remote_id), ONLY(REMOTE_ID)},
	{"backup", FIELD_BOOL, M(backup), ONLY(SUBFLOW)},
	{"peer-backup", FIELD_BOOL, M(peer_backup), ONLY(SUBFLOW)},
	{"interface", FIELD_TEXT, M(interface), ONLY(SUBFLOW)},
	{"error", FIELD_TEXT, M(error), ONLY(ERROR)},
	{"deny-join-id0", FIELD_BOOL, M(deny_join_id0), ONLY(DENY)},
	{"policy", FIELD_TEXT, M(policy), FIELD_WIRE},
	{"interface", FIELD_RECORD, M(interface_now), FIELD_EXTRA | FIELD_WIRE,
	 .of = &schema_interface},
	{"endpoint", FIELD_RECORD, M(endpoint), FIELD_EXTRA | FIELD_WIRE, .of = &schema_endpoint},
	{"what", FIELD_TEXT, M(what), FIELD_EXTRA, ONLY(WHAT)},
	{"health", FIELD_TEXT, M(health), FIELD_EXTRA, ONLY(HEALTH)},
	{"health-reason", FIELD_TEXT, M(health_reason), FIELD_EXTRA, ONLY(HEALTH)},
	{"health-text", FIELD_TEXT, M(health_text), FIELD_EXTRA, ONLY(HEALTH)},
	{"family", FIELD_TEXT, M(family), FIELD_EXTRA, ONLY(HEALTH)},
	{"reason", FIELD_TEXT, M(reason), FIELD_EXTRA, ONLY(ERROR)},
	{"text", FIELD_TEXT, M(text), FIELD_EXTRA, ONLY(ERROR)},
	{NULL},
};
const struct record schema_event = {NULL, sizeof(struct event_told), event_fields};

static const struct event_kind kinds[] = {[MPTCPCTL_SYNCHRONIZED] = {"synchronized", 0},
#define KIND(type, name, members) [MPTCPCTL_##type] = {name, members},
					  EVENTS(KIND)};

/* Both lists have the same kinds in the same order. */
enum {
	IN_ORDER_SYNCHRONIZED,
#define IN_ORDER(type, name, members) IN_ORDER_##type,
	EVENTS(IN_ORDER)
};
#define ASSERT_ORDER(type, name, members)                                                          \
	_Static_assert((int)IN_ORDER_##type == (int)MPTCPCTL_##type,                               \
		       "events.h and client.h differ");
EVENTS(ASSERT_ORDER)

const struct event_kind *schema_kind(unsigned int type)
{
	return type < sizeof(kinds) / sizeof(*kinds) ? &kinds[type] : NULL;
}
