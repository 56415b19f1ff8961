/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The facade's other half: struct kernel_ops, and questions that are answered at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bulk.h"
#include "clock.h"
#include "detail.h"
#include "diag.h"
#include "fallback.h"
#include "kernel-private.h"
#include "link.h"
#include "neighbour.h"
#include "sysctl.h"
#include "hot.h"

/* Remember the words that belong to the outcome, whatever the socket is asked next. */
static int told(struct kernel *kernel, const struct socket *socket, int r)
{
	kernel->text[0] = '\0';
	if (r < 0)
		memcpy(kernel->text, socket->text, sizeof(kernel->text));
	return r;
}

static int told_pm(struct kernel *kernel, int r)
{
	return told(kernel, &kernel->pm.socket, r);
}

/* Commands are carried out in the order in which they are given. */
static struct pm *pm_in_turn(struct kernel *kernel)
{
	asking_send(&kernel->asking);
	return &kernel->pm;
}

static int subflow_create(void *data, uint32_t token, const struct subflow_request *request)
{
	struct kernel *kernel = data;

	pending_outdate(&kernel->pending);
	return told_pm(kernel, pm_subflow_create(pm_in_turn(kernel), token, request));
}

static int subflow_destroy(void *data, uint32_t token, const struct mptcpd_addr *local,
			   const struct mptcpd_addr *remote, uint32_t ifindex, bool mapped)
{
	struct kernel *kernel = data;
	struct mptcpd_addr from = *local;
	bool is_pending = from.port == 0;
	int r;

	if (is_pending) {
		r = pending_find_port(&kernel->pending, &kernel->diag, token, local, remote,
				      ifindex, &from.port);
		if (r < 0)
			return told(kernel, &kernel->diag, r);
	}
	r = pm_subflow_destroy(pm_in_turn(kernel), token, &from, remote, mapped);
	if (is_pending && r < 0) {
		/* The port may have been that of an earlier one of the same pair. */
		if (r == -ESRCH && kernel->pending.outdated)
			r = -EAGAIN;
		pending_outdate(&kernel->pending);
	}
	return told_pm(kernel, r);
}

static int subflow_backup(void *data, uint32_t token, const struct mptcpd_addr *local,
			  const struct mptcpd_addr *remote, bool backup)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_subflow_backup(pm_in_turn(kernel), token, local, remote, backup));
}

static int subflow_is_backup(void *data, uint32_t token, const struct mptcpd_addr *local,
			     const struct mptcpd_addr *remote, uint32_t ifindex)
{
	struct kernel *kernel = data;
	struct event_subflow subflow;
	int r = diag_get_subflow(&kernel->diag, local, remote, ifindex, &subflow);

	(void)token; /* one pair of addresses and ports is one subflow */
	return r < 0 ? told(kernel, &kernel->diag, r) : subflow.backup;
}

/* Where the addresses of a dump are collected. */
struct collection {
	struct event_endpoint *endpoints;
	size_t n, room;
};

static void on_own_address(void *data, const struct event *event)
{
	struct collection *own = data;

	if (event->type == EVENT_ENDPOINT && own->n < own->room)
		own->endpoints[own->n++] = event->endpoint;
}

static int own_addresses(void *data, uint32_t token, struct event_endpoint *ret_endpoints,
			 size_t room)
{
	struct kernel *kernel = data;
	struct collection own = {.endpoints = ret_endpoints, .room = room};
	int r = pm_endpoints(pm_in_turn(kernel), token, on_own_address, &own);

	/* A question after a command that failed leaves its words as they are. */
	return r < 0 ? r : (int)own.n;
}

static int announce(void *data, uint32_t token, const struct mptcpd_addr *addr, uint8_t id,
		    uint32_t ifindex)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_announce(pm_in_turn(kernel), token, addr, id, ifindex));
}

static int withdraw(void *data, uint32_t token, uint8_t id)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_withdraw(pm_in_turn(kernel), token, id));
}

static int probe(void *data, uint32_t token)
{
	struct kernel *kernel = data;
	int r = pm_is_userspace(pm_in_turn(kernel), token);

	if (r != 0)
		return r < 0 ? told_pm(kernel, r) : PROBE_USERSPACE;
	/* The words differ between versions; the socket itself is there or not. */
	if (pm_says_kernel(&kernel->pm))
		return PROBE_KERNEL;
	r = diag_has_connection(&kernel->diag, token);
	if (r < 0)
		return told(kernel, &kernel->diag, r);
	return r ? PROBE_KERNEL : PROBE_GONE;
}

static int route(void *data, const struct mptcpd_addr *local, uint32_t ifindex,
		 const struct mptcpd_addr *remote, uint32_t mark)
{
	struct kernel *kernel = data;

	struct ways *ways = &kernel->ways[local->family == AF_INET6];

	return told(kernel, &kernel->links,
		    link_route(&kernel->links, ways, local, ifindex, remote, mark));
}

static int marks_matter(void *data)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links, link_has_marked_rule(&kernel->links));
}

static int owner_of(void *data, uint32_t token, struct mptcpd_owner *ret_owner)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->diag, diag_owner(&kernel->diag, token, ret_owner));
}

static int cgroup(void *data, uint64_t id, char *ret_path, size_t size)
{
	struct kernel *kernel = data;

	return cgroups_find(&kernel->cgroups, id, ret_path, size);
}

static int egress(void *data, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		  uint32_t mark)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links, link_egress(&kernel->links, local, remote, mark));
}

static int source_table(void *data, const struct mptcpd_addr *local, uint32_t *ret_before)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links, link_source_table(&kernel->links, local, ret_before));
}

static int seek_neighbours(void *data, uint32_t ifindex)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links, neighbours_seek(&kernel->links, ifindex));
}

static int is_neighbour_known(void *data, const struct mptcpd_addr *local, uint32_t ifindex,
			      const struct mptcpd_addr *remote, bool anew)
{
	struct kernel *kernel = data;

	return told(kernel, &kernel->links,
		    neighbour_known(&kernel->links, local, ifindex, remote, anew));
}

static int ask_links(struct kernel *kernel, struct nlmsghdr *command)
{
	return told(kernel, &kernel->links, socket_request(&kernel->links, command, NULL, NULL));
}

static int rule_add(void *data, const struct event_rule *rule)
{
	union codec_command command;

	return ask_links(data, codec_add_rule(&command, rule));
}

static int rule_delete(void *data, const struct event_rule *rule)
{
	union codec_command command;

	return ask_links(data, codec_delete_rule(&command, rule));
}

static int route_add(void *data, const struct event_route *route, bool replace)
{
	union codec_command command;

	return ask_links(data, codec_add_route(&command, route, replace));
}

static int route_delete(void *data, const struct event_route *route)
{
	union codec_command command;

	return ask_links(data, codec_delete_route(&command, route));
}

static int endpoint_add(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_add(pm_in_turn(kernel), endpoint));
}

static int endpoint_delete(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_delete(pm_in_turn(kernel), endpoint));
}

static int endpoint_flags(void *data, const struct event_endpoint *endpoint)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_flags(pm_in_turn(kernel), endpoint));
}

static int endpoint_flush(void *data)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_endpoint_flush(pm_in_turn(kernel)));
}

static int limits_set(void *data, const struct event_limits *limits)
{
	struct kernel *kernel = data;

	return told_pm(kernel, pm_limits_set(pm_in_turn(kernel), limits));
}

static int listen_on(void *data, const struct mptcpd_addr *addr, uint32_t ifindex)
{
	struct kernel *kernel = data;

	kernel->text[0] = '\0';
	return listeners_add(&kernel->listeners, addr, ifindex);
}

static int unlisten(void *data, const struct mptcpd_addr *addr)
{
	struct kernel *kernel = data;

	kernel->text[0] = '\0';
	return listeners_remove(&kernel->listeners, addr);
}

static int listens(void *data, const struct mptcpd_addr *addr, uint32_t ifindex, bool again)
{
	struct kernel *kernel = data;
	int r = again || !kernel->listening.known
			? listening_look(&kernel->listening, &kernel->diag)
			: 0;

	return told(kernel, &kernel->diag,
		    r < 0 ? r
			  : listening_find(&kernel->listening, &kernel->listeners, addr, ifindex));
}

static int ask_for_snapshot(void *data, enum snapshot_kind kind, bool brief)
{
	struct kernel *kernel = data;
	int r;

	kernel->text[0] = '\0';
	if (kind == SNAPSHOT_CONNECTIONS && !kernel->has_diag) {
		r = diag_check(&kernel->diag);
		if (r == -ENOENT)
			snprintf(kernel->text, sizeof(kernel->text),
				 "no MPTCP socket diagnostics: load the module mptcp_diag");
		if (r < 0)
			return r;
		kernel->has_diag = true;
	}
	snapshot_ask(&kernel->snapshots[kind], brief);
	kernel_wake_up(kernel);
	return 0;
}

static int take_snapshot(void *data, enum snapshot_kind kind)
{
	return ask_for_snapshot(data, kind, false);
}

static int take_brief_snapshot(void *data, enum snapshot_kind kind)
{
	return ask_for_snapshot(data, kind, true);
}

static int answers(void *data, uint64_t *ret_missed, uint64_t *ret_heard)
{
	struct kernel *kernel = data;

	return waiting_count(&kernel->waiting, ret_missed, ret_heard);
}

static int look(void *data, bool measured)
{
	struct kernel *kernel = data;

	return waiting_ask(&kernel->waiting, measured);
}

static int evidence_of(void *data, const struct mptcpd_addr *local,
		       const struct mptcpd_addr *remote, uint32_t ifindex,
		       struct event_evidence *ret_evidence)
{
	struct kernel *kernel = data;

	return diag_get_evidence(&kernel->diag, local, remote, ifindex, ret_evidence);
}

static int fallbacks(void *data, enum fallback when, char *ret_text, size_t size)
{
	return fallback_count(when, ret_text, size);
}

static bool filters(void *data, const char *interface)
{
	return sysctl_rp_filter_strict(interface);
}

static const char *error_text(void *data)
{
	const struct kernel *kernel = data;

	return kernel->text;
}

const struct kernel_ops kernel_ops = {
	.subflow_create = subflow_create,
	.subflow_destroy = subflow_destroy,
	.subflow_backup = subflow_backup,
	.subflow_is_backup = subflow_is_backup,
	.own_addresses = own_addresses,
	.announce = announce,
	.withdraw = withdraw,
	.prepare_create = bulk_prepare_create,
	.prepare_destroy = bulk_prepare_destroy,
	.prepare_withdraw = bulk_prepare_withdraw,
	.ask = bulk_ask,
	.refusals = bulk_refusals,
	.probe = probe,
	.route = route,
	.egress = egress,
	.source_table = source_table,
	.marks_matter = marks_matter,
	.owner = owner_of,
	.cgroup = cgroup,
	.neighbours_seek = seek_neighbours,
	.neighbour_known = is_neighbour_known,
	.rule_add = rule_add,
	.rule_delete = rule_delete,
	.route_add = route_add,
	.route_delete = route_delete,
	.endpoint_add = endpoint_add,
	.endpoint_delete = endpoint_delete,
	.endpoint_flags = endpoint_flags,
	.endpoint_flush = endpoint_flush,
	.limits_set = limits_set,
	.listen = listen_on,
	.unlisten = unlisten,
	.listens = listens,
	.answers = answers,
	.look = look,
	.evidence = evidence_of,
	.fallbacks = fallbacks,
	.filters = filters,
	.connection_detail = detail_connection,
	.subflow_detail = detail_subflow,
	.snapshot = take_snapshot,
	.snapshot_brief = take_brief_snapshot,
	.error_text = error_text,
};

/* Questions. Records of a dump are no news. */
static void on_dumped(void *data, const struct event *event)
{
	struct kernel *kernel = data;
	struct event dumped = *event;

	dumped.dumped = true;
	sink_take(&kernel->sink, 0, &dumped);
}

int kernel_refresh_endpoints(struct kernel *kernel)
{
	int r;

	snapshot_give_up(&kernel->snapshots[SNAPSHOT_ENDPOINTS]);
	sink_mark(&kernel->sink, EVENT_SNAPSHOT_BEGIN, SNAPSHOT_ENDPOINTS);
	r = pm_endpoints(pm_in_turn(kernel), 0, on_dumped, kernel);
	if (r == 0)
		r = pm_limits(pm_in_turn(kernel), on_dumped, kernel);
	if (r < 0) {
		snapshot_fail(&kernel->snapshots[SNAPSHOT_ENDPOINTS], r);
		return told_pm(kernel, r);
	}
	sink_take(&kernel->sink, 0,
		  &(struct event){.type = EVENT_PATH_MANAGER,
				  .path_manager = sysctl_path_manager()});
	sink_mark(&kernel->sink, EVENT_SNAPSHOT_END, SNAPSHOT_ENDPOINTS);
	return 0;
}
