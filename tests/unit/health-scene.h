/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scene of the engine, with a network of which parts fall silent. */
#ifndef TESTS_HEALTH_SCENE_H
#define TESTS_HEALTH_SCENE_H

#include "engine-scene.h"

/* By the number of the link, or by the low bits of a token. */
struct health_network {
	uint64_t link_dead_ms[4], peer_dead_ms[4]; /* since when the far side is; 0: it lives */
	/* Since when what is sent there is lost, while the peers say again and again what they said. */
	uint64_t link_deaf_ms[4];
	bool is_sending[4], is_receiving[4];
	/* When the peer sent data last, as long as it lives there; 0: it goes on sending. */
	uint64_t received_ms[4];
	/* Since when nothing was sent to who lives, and so nothing heard; 0: something is. */
	uint64_t idle_since_ms[4];
	bool is_full; /* the windows of all are closed */
	uint16_t dead_port; /* a subflow that alone is dead, 0: none, */
	uint64_t dead_port_ms; /* since then */
};

extern struct health_network health_network;

/* In place of scene_set_up(): all live and are sent to, nobody sends. */
void health_set_up(struct scene *scene, gconstpointer data);
/* Time passes, and TCP does what it does. */
void health_pass(struct scene *scene, uint64_t ms);

/* What a socket says that had the last acknowledgement so long ago; and one that sends nothing. */
struct event_evidence health_silence(uint64_t dead_ms);
struct event_evidence health_idle(uint64_t ms);

struct interface *health_link(struct scene *scene, uint32_t i);
/* That of the link, for IPv4: enum mptcpd_health. */
int health_of(struct scene *scene, uint32_t i);
void health_tell(struct scene *scene, uint32_t ifindex, uint8_t family, enum mptcpd_health state);
void health_expect_silent(struct scene *scene, uint32_t i, uint64_t within_ms);
/* No link is called silent for so long. */
void health_expect_no_alarm(struct scene *scene, uint64_t ms);
/* The SYNs sent by the link since the log was empty. */
size_t health_count_creates(struct scene *scene, uint32_t ifindex);

#define WATCH(name, func)                                                                          \
	g_test_add("/engine/health/" name, struct scene, NULL, health_set_up, func, scene_tear_down)

#endif
