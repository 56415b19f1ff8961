/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prober.h"

#include <ell/ell.h>
#include <errno.h>
#include <string.h>

#include "addr.h"

/* While a link is in doubt, its targets are asked about once in so long. */
#define DOUBT_MS 1000
/* Whoever looks so much later than was agreed has been asleep, and missed what was answered. */
#define ASLEEP_MS 2000

struct target {
	struct mptcpd_addr addr;
	uint64_t next_ms; /* when to ask */
	uint64_t until_ms; /* while it is under way: how long to wait */
	size_t slot; /* PROBES_MAX: not under way */
	uint32_t failures; /* in a row */
	bool mute; /* this host cannot ask it, which says nothing of the link */
};

struct probed {
	struct probed *next;
	struct probe_link link; /* rule points to: */
	struct probe_rule rule;
	struct target targets[PROBE_TARGETS_MAX];
	size_t n; /* of its family */
};

struct prober {
	struct probe_ops ops;
	struct probed *links;
	struct {
		struct probed *link;
		struct target *target; /* NULL: free */
	} slots[PROBES_MAX];
};

struct prober *prober_new(const struct probe_ops *ops)
{
	struct prober *prober = l_new(struct prober, 1);

	prober->ops = *ops;
	return prober;
}

/* ---- links ---- */

static void release(struct prober *prober, struct target *target)
{
	if (target->slot < PROBES_MAX)
		prober->slots[target->slot].target = NULL;
	target->slot = PROBES_MAX;
}

static void take_back(struct prober *prober, struct target *target)
{
	if (target->slot < PROBES_MAX)
		prober->ops.stop(prober->ops.data, target->slot);
	release(prober, target);
}

static void drop(struct prober *prober, struct probed *link)
{
	for (size_t i = 0; i < link->n; i++)
		take_back(prober, &link->targets[i]);
	l_free(link);
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	while (prober->links) {
		struct probed *link = prober->links;

		prober->links = link->next;
		drop(prober, link);
	}
	l_free(prober);
}

static bool same_rule(const struct probe_rule *a, const struct probe_rule *b)
{
	if (a->n_targets != b->n_targets || a->failures != b->failures ||
	    a->interval_ms != b->interval_ms || a->timeout_ms != b->timeout_ms)
		return false;
	for (size_t i = 0; i < a->n_targets; i++)
		if (!addr_equal(&a->targets[i], &b->targets[i]))
			return false;
	return true;
}

static struct probed *new_link(const struct probe_link *wanted, uint64_t now_ms)
{
	struct probed *link = l_new(struct probed, 1);

	link->link = *wanted;
	link->rule = *wanted->rule;
	link->link.rule = &link->rule;
	for (size_t i = 0; i < link->rule.n_targets; i++)
		if (link->rule.targets[i].family == wanted->local.family)
			link->targets[link->n++] = (struct target){.addr = link->rule.targets[i],
								   .next_ms = now_ms,
								   .slot = PROBES_MAX};
	return link;
}

/* Take the one that is as wanted out of the list. NULL: none is. */
static struct probed *take(struct probed **list, const struct probe_link *wanted)
{
	for (; *list; list = &(*list)->next) {
		struct probed *link = *list;

		if (link->link.ifindex != wanted->ifindex ||
		    !addr_equal_host(&link->link.local, &wanted->local) ||
		    !same_rule(&link->rule, wanted->rule))
			continue;
		*list = link->next;
		return link;
	}
	return NULL;
}

/* How long after a question the next one comes. */
static uint64_t pause_of(const struct probed *link, const struct target *target)
{
	uint64_t doubt = link->rule.timeout_ms > DOUBT_MS ? link->rule.timeout_ms : DOUBT_MS;

	if ((link->link.urgent || target->failures > 0) && doubt < link->rule.interval_ms)
		return doubt;
	return link->rule.interval_ms;
}

static void set_urgent(struct probed *link, bool urgent, uint64_t now_ms)
{
	for (size_t i = 0; urgent && !link->link.urgent && i < link->n; i++)
		if (link->targets[i].slot == PROBES_MAX)
			link->targets[i].next_ms = now_ms;
	link->link.urgent = urgent;
}

void prober_set_links(struct prober *prober, const struct probe_link *links, size_t n,
		      uint64_t now_ms)
{
	struct probed *old = prober->links, *next;

	prober->links = NULL;
	for (size_t i = 0; i < n; i++) {
		struct probed *link = take(&old, &links[i]);

		if (!link)
			link = new_link(&links[i], now_ms);
		set_urgent(link, links[i].urgent, now_ms);
		link->next = prober->links;
		prober->links = link;
	}
	for (; old; old = next) {
		next = old->next;
		drop(prober, old);
	}
}

/* ---- answers ---- */

/* Does the error speak of this host, and not of the way to the target? */
static bool is_own_fault(int result)
{
	switch (-result) {
	case EACCES: /* ping sockets are not for everybody */
	case EPERM:
	case EADDRNOTAVAIL:
	case EADDRINUSE:
	case ENODEV:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return true;
	}
	return false;
}

/* Do all targets fail that can be asked, of which there is one? */
static bool has_failed(const struct probed *link)
{
	bool any = false;

	for (size_t i = 0; i < link->n; i++) {
		if (link->targets[i].mute)
			continue;
		if (link->targets[i].failures < link->rule.failures)
			return false;
		any = true;
	}
	return any;
}

static void conclude(struct prober *prober, struct probed *link, struct target *target, int result)
{
	bool ok = result == 0;

	release(prober, target);
	target->mute = is_own_fault(result);
	if (target->mute)
		return;
	target->failures = ok ? 0 : target->failures + 1;
	if (ok || has_failed(link))
		prober->ops.tell(prober->ops.data, link->link.ifindex, link->link.local.family, ok);
}

void prober_answer(struct prober *prober, size_t slot, int result, uint64_t now_ms)
{
	struct probed *link = prober->slots[slot].link;
	struct target *target = prober->slots[slot].target;
	uint64_t asked_ms;

	if (!target)
		return;
	asked_ms = target->until_ms - link->rule.timeout_ms;
	conclude(prober, link, target, result);
	target->next_ms = asked_ms + pause_of(link, target);
	if (target->next_ms < now_ms)
		target->next_ms = now_ms;
}

/* ---- time ---- */

static size_t free_slot(const struct prober *prober)
{
	size_t slot = 0;

	while (slot < PROBES_MAX && prober->slots[slot].target)
		slot++;
	return slot;
}

static void ask(struct prober *prober, struct probed *link, struct target *target, uint64_t now_ms)
{
	size_t slot = free_slot(prober);
	int r;

	if (slot == PROBES_MAX)
		return;
	target->slot = slot;
	target->until_ms = now_ms + link->rule.timeout_ms;
	prober->slots[slot].link = link;
	prober->slots[slot].target = target;
	r = prober->ops.ask(prober->ops.data, slot, &link->link, &target->addr);
	if (r < 0)
		prober_answer(prober, slot, r, now_ms);
}

/* Nobody was there to take the answer: nothing is known, whatever was counted before. */
static void forget(struct prober *prober)
{
	for (struct probed *link = prober->links; link; link = link->next) {
		for (size_t i = 0; i < link->n; i++) {
			take_back(prober, &link->targets[i]);
			link->targets[i].failures = 0;
		}
	}
}

static bool was_asleep(const struct prober *prober, uint64_t now_ms)
{
	for (size_t i = 0; i < PROBES_MAX; i++)
		if (prober->slots[i].target &&
		    now_ms > prober->slots[i].target->until_ms + ASLEEP_MS)
			return true;
	return false;
}

/* Returns when this target has to be looked at again; in the past where it waits for a slot. */
static uint64_t run_target(struct prober *prober, struct probed *link, struct target *target,
			   uint64_t now_ms)
{
	if (target->slot < PROBES_MAX && target->until_ms <= now_ms) {
		prober->ops.stop(prober->ops.data, target->slot);
		prober_answer(prober, target->slot, -ETIMEDOUT, now_ms);
	}
	if (target->slot == PROBES_MAX && target->next_ms <= now_ms)
		ask(prober, link, target, now_ms);
	return target->slot < PROBES_MAX ? target->until_ms : target->next_ms;
}

uint64_t prober_run(struct prober *prober, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;

	if (was_asleep(prober, now_ms))
		forget(prober);
	for (struct probed *link = prober->links; link; link = link->next) {
		for (size_t i = 0; i < link->n; i++) {
			uint64_t at_ms = run_target(prober, link, &link->targets[i], now_ms);

			/* One that waits for a slot has it when another one is answered or given up. */
			if (at_ms > now_ms && at_ms < next_ms)
				next_ms = at_ms;
		}
	}
	return next_ms;
}
