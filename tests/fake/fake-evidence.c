/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake's evidence: what its subflows know of their peers, as tests set it. */
#include <errno.h>

#include "addr.h"
#include "fake-kernel.h"

int fake_answers(void *kernel, uint64_t *ret_missed, uint64_t *ret_heard)
{
	const struct fake_kernel *fake = kernel;

	*ret_missed = fake->n_missed;
	*ret_heard = fake->n_heard;
	return 0;
}

int fake_look(void *kernel, bool measured)
{
	struct fake_kernel *fake = kernel;

	if (fake->looks)
		return -EBUSY;
	fake->looks = true;
	fake->measures = measured;
	fake->n_evidence_looks++;
	return 0;
}

int fake_evidence(void *kernel, const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		  uint32_t ifindex, struct event_evidence *ret_evidence)
{
	struct fake_kernel *fake = kernel;

	(void)ifindex;
	fake->n_evidence++;
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		for (size_t j = 0; fake->connections[i].used && j < FAKE_SUBFLOWS; j++) {
			const struct fake_subflow *subflow = &fake->connections[i].subflows[j];

			if (!subflow->used || !addr_equal(&subflow->local, local) ||
			    !addr_equal(&subflow->remote, remote))
				continue;
			*ret_evidence = subflow->evidence;
			ret_evidence->local = *local;
			ret_evidence->remote = *remote;
			ret_evidence->measured = true;
			ret_evidence->token = fake->connections[i].token;
			return 0;
		}
	return -ENOENT;
}

static void tell(struct fake_kernel *fake, const struct fake_connection *connection,
		 const struct fake_subflow *subflow)
{
	struct event event = {.type = EVENT_EVIDENCE, .evidence = subflow->evidence};

	if (fake->measures ? subflow->syn_sent : !subflow->evidence.retransmits)
		return;
	event.evidence.local = subflow->local;
	event.evidence.remote = subflow->remote;
	event.evidence.ifindex = subflow->initial ? 0 : subflow->ifindex;
	event.evidence.syn_sent = subflow->syn_sent;
	event.evidence.measured = fake->measures;
	event.evidence.token = fake->measures ? connection->token : 0;
	fake_queue(fake, &event);
}

void fake_tell_evidence(struct fake_kernel *fake)
{
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		for (size_t j = 0; fake->connections[i].used && j < FAKE_SUBFLOWS; j++)
			if (fake->connections[i].subflows[j].used)
				tell(fake, &fake->connections[i],
				     &fake->connections[i].subflows[j]);
	for (size_t i = 0; i < fake->n_sockets; i++) {
		struct event event = {.type = EVENT_EVIDENCE, .evidence = fake->sockets[i]};

		if (fake->measures == fake->sockets[i].measured)
			fake_queue(fake, &event);
	}
	fake->looks = false;
	fake_queue(fake, &(struct event){.type = EVENT_EVIDENCE_END,
					 .evidence_end = {fake->look_cost_us}});
}
