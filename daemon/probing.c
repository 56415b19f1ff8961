/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probing.h"

#include <ell/ell.h>

#include "asker.h"

/* Of more links than this, the others are not asked by. */
#define LINKS_MAX 128

struct probing {
	struct loop *loop;
	struct loop_timer timer;
	struct prober *prober;
	struct asker *asker;
	void (*tell)(void *data, const struct event *event);
	void *data;
};

static void run(struct probing *probing)
{
	uint64_t next_ms = prober_run(probing->prober, loop_now_ms());

	if (next_ms == UINT64_MAX)
		loop_clear_timer(&probing->timer);
	else
		loop_set_timer(probing->loop, &probing->timer, next_ms);
}

static void on_due(void *data)
{
	run(data);
}

static void on_answer(void *data, size_t slot, int result)
{
	struct probing *probing = data;

	prober_answer(probing->prober, slot, result, loop_now_ms());
	run(probing);
}

static int ask(void *data, size_t slot, const struct probe_link *link,
	       const struct mptcpd_addr *target)
{
	struct probing *probing = data;

	return asker_ask(probing->asker, slot, link, target);
}

static void stop(void *data, size_t slot)
{
	struct probing *probing = data;

	asker_stop(probing->asker, slot);
}

static void tell(void *data, uint32_t ifindex, uint8_t family, bool ok)
{
	struct probing *probing = data;
	const struct event event = {.type = EVENT_PROBE,
				    .probe = {.ifindex = ifindex, .family = family, .ok = ok}};

	probing->tell(probing->data, &event);
}

struct probing *probing_new(struct loop *loop,
			    void (*on_event)(void *data, const struct event *event), void *data)
{
	struct probing *probing = l_new(struct probing, 1);
	const struct probe_ops ops = {.ask = ask, .stop = stop, .tell = tell, .data = probing};

	*probing = (struct probing){
		.loop = loop,
		.timer = {.on_due = on_due, .data = probing},
		.prober = prober_new(&ops),
		.asker = asker_new(loop),
		.tell = on_event,
		.data = data,
	};
	asker_set_reader(probing->asker, on_answer, probing);
	return probing;
}

void probing_free(struct probing *probing)
{
	if (!probing)
		return;
	loop_clear_timer(&probing->timer);
	prober_free(probing->prober);
	asker_free(probing->asker);
	l_free(probing);
}

/* ---- what the model says ---- */

static bool has_targets(const struct probe_rule *rule, uint8_t family)
{
	for (size_t i = 0; i < rule->n_targets; i++)
		if (rule->targets[i].family == family)
			return true;
	return false;
}

/* What is asked from this address; NULL: nothing. */
static const struct probe_rule *rule_of(const struct model *model, const struct local *local)
{
	const struct interface *interface = local->interface;
	const struct interface_rule *rule;

	if (local->usability != USABLE)
		return NULL;
	rule = rules_for_address(model->rules, interface->is.name, interface->is.type,
				 interface->as_tunnel, &local->is.addr);
	return rule && has_targets(&rule->probe, local->is.addr.family) ? &rule->probe : NULL;
}

/* From the first address of the link that may. Returns whether there is one. */
static bool find_link(const struct model *model, const struct interface *interface, uint8_t family,
		      struct probe_link *ret_link)
{
	for (const struct local *local = interface->locals; local; local = local->next) {
		const struct probe_rule *rule =
			local->is.addr.family == family ? rule_of(model, local) : NULL;
		uint8_t health = interface->health[health_index(family)].state;

		if (!rule)
			continue;
		*ret_link = (struct probe_link){
			.ifindex = interface->is.ifindex,
			.local = local->is.addr,
			.rule = rule,
			.urgent = health == MPTCPD_HEALTH_SUSPECT || health == MPTCPD_HEALTH_SILENT,
		};
		return true;
	}
	return false;
}

void probing_update(struct probing *probing, const struct model *model)
{
	struct probe_link links[LINKS_MAX];
	struct table_entry *entry = table_first(&model->interfaces);
	size_t n = 0;

	for (; entry && n + 2 <= LINKS_MAX; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		n += find_link(model, interface, AF_INET, &links[n]);
		n += find_link(model, interface, AF_INET6, &links[n]);
	}
	prober_set_links(probing->prober, links, n, loop_now_ms());
	run(probing);
}
