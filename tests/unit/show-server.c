/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mptcpd in little with something of each kind, for what looks at listings. Says where its socket
 * is; ends with its stdin. With an argument there are no connections.
 */
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "bus-scene.h"
#include "clock.h"
#include "model.h"

/* So long ago it began: what is shown of an age stays the same for a while. */
#define AGE_MS (185 * 1000)

#define PLAIN 0xf1aceb40
#define LONG 0x1a2b3c
#define FALLEN 0x77

static struct mptcpd_addr address(const char *text, uint16_t port)
{
	struct mptcpd_addr addr;

	g_assert_cmpint(addr_parse(text, &addr), ==, 0);
	addr.port = port;
	return addr;
}

static void feed(struct scene *scene, const struct event *event)
{
	engine_event(scene->engine, event, scene->now_ms);
}

/* ---- connections ---- */

struct sight {
	const char *local, *remote;
	uint16_t local_port, remote_port;
	uint8_t id;
	uint32_t ifindex;
	bool initial, backup, peer_backup;
	uint64_t bytes; /* sent; a third of them was received */
	uint32_t rtt_us, retransmits;
};

static struct event_subflow subflow_of(const struct sight *sight)
{
	return (struct event_subflow){
		.local = address(sight->local, sight->local_port),
		.remote = address(sight->remote, sight->remote_port),
		.local_id = sight->id,
		.ifindex = sight->ifindex,
		.initial = sight->initial,
		.joined_here = true,
		.fully_established = true,
		.backup = sight->backup,
		.peer_backup = sight->peer_backup,
	};
}

static void begin(struct scene *scene, uint32_t token, const struct sight *initial)
{
	struct event event = {.type = EVENT_CONNECTION_CREATED,
			      .token = token,
			      .connection = {.local = address(initial->local, initial->local_port),
					     .remote =
						     address(initial->remote, initial->remote_port),
					     .side = MPTCPD_SIDE_CLIENT}};

	feed(scene, &event);
	event.type = EVENT_CONNECTION_ESTABLISHED;
	feed(scene, &event);
}

static void join(struct scene *scene, uint32_t token, const struct sight *sight)
{
	feed(scene, &(struct event){.type = EVENT_SUBFLOW_ESTABLISHED,
				    .token = token,
				    .subflow = subflow_of(sight)});
}

/* Seen `seconds` after the first look, when so much more was carried in each. */
static void see(struct scene *scene, uint32_t token, const struct sight *sight, uint64_t seconds)
{
	struct event event = {.type = EVENT_SNAPSHOT_SUBFLOW,
			      .token = token,
			      .subflow = subflow_of(sight)};
	uint64_t bytes = sight->bytes * (100 + seconds) / 100;

	event.subflow.measure = (struct mptcpd_measure){
		.taken_ms = scene->now_ms,
		.rtt_us = sight->rtt_us,
		.retransmits = sight->retransmits,
		.bytes_sent = bytes,
		.bytes_received = bytes / 3,
	};
	feed(scene, &event);
}

static const struct sight plain[] = {
	{"10.0.0.1", "10.9.0.1", 43210, 443, 0, 1, .initial = true, .bytes = 62000000,
	 .rtt_us = 12345},
	{"10.0.1.1", "10.9.0.1", 41001, 443, 7, 2, .peer_backup = true, .bytes = 38000000,
	 .rtt_us = 48000, .retransmits = 3},
};
static const struct sight v6[] = {
	{"2001:db8:1234:5678:abcd:ef01:2345:6789", "2001:db8:9:1:1:1:1:1", 54321, 8443, 0, 1,
	 .initial = true, .bytes = 9000, .rtt_us = 850},
	{"2001:db8:2:3:4:5:6:7", "2001:db8:9:2::1", 33333, 8443, 5, 2, .backup = true, .rtt_us = 1,
	 .bytes = 1000},
};
static const struct sight fallen[] = {
	{"10.0.0.1", "10.9.7.7", 50000, 80, 0, 1, .initial = true, .bytes = 1234, .rtt_us = 250000},
};

static void look(struct scene *scene, uint64_t seconds)
{
	struct event event = {.type = EVENT_SNAPSHOT_CONNECTION,
			      .token = PLAIN,
			      .connection = {.local = address("10.0.0.1", 43210),
					     .remote = address("10.9.0.1", 443),
					     .owner.uid = UINT32_MAX,
					     .bytes_sent = 101000000,
					     .bytes_received = 33000000}};

	engine_measure(scene->engine, scene->now_ms);
	feed(scene, &(struct event){.type = EVENT_SNAPSHOT_BEGIN});
	feed(scene, &event);
	for (size_t i = 0; i < G_N_ELEMENTS(plain); i++)
		see(scene, PLAIN, &plain[i], seconds);
	for (size_t i = 0; i < G_N_ELEMENTS(v6); i++)
		see(scene, LONG, &v6[i], seconds);
	event.token = FALLEN;
	event.connection = (struct event_connection){.local = address("10.0.0.1", 50000),
						     .remote = address("10.9.7.7", 80),
						     .owner.uid = UINT32_MAX,
						     .bytes_sent = MPTCPD_BYTES_UNKNOWN,
						     .bytes_received = MPTCPD_BYTES_UNKNOWN,
						     .fallback = true};
	feed(scene, &event);
}

static void connect_all(struct scene *scene)
{
	begin(scene, PLAIN, &plain[0]);
	join(scene, PLAIN, &plain[1]);
	feed(scene, &(struct event){.type = EVENT_ADDRESS_ANNOUNCED,
				    .token = PLAIN,
				    .peer_address = {.addr = address("10.9.1.1", 443), .id = 3}});
	begin(scene, LONG, &v6[0]);
	join(scene, LONG, &v6[1]);
	begin(scene, FALLEN, &fallen[0]);
	look(scene, 0);
	scene->now_ms += 1000;
	look(scene, 1);
}

/* ---- the host ---- */

/* What the engine finds out in minutes. */
static void judge_links(struct scene *scene)
{
	struct model *model = (struct model *)(uintptr_t)engine_model(scene->engine);

	for (size_t i = 0; i < 2; i++) {
		model_find_interface(model, 1)->health[i] =
			(struct health){.since_ms = scene->now_ms, .state = MPTCPD_HEALTH_WELL};
		model_find_interface(model, 2)->health[i] =
			(struct health){.since_ms = scene->now_ms,
					.state = MPTCPD_HEALTH_SILENT,
					.reason = 1};
	}
}

int main(int argc, char **argv)
{
	struct scene *scene = scene_new(false);

	if (loop_now_ms() < 2 * AGE_MS) {
		printf("the machine is too young\n");
		return 77;
	}
	scene->now_ms = loop_now_ms() - AGE_MS;
	scene_local(scene, 1, "2001:db8:1234:5678:abcd:ef01:2345:6789");
	scene_local(scene, 2, "2001:db8:2:3:4:5:6:7");
	scene_local(scene, 2, "fe80::1");
	scene_link(scene, 3, "wwan0-longname0");
	scene_endpoint(scene, 200, "10.0.1.1");
	scene_endpoint(scene, 4, "10.0.0.1");
	scene_endpoint(scene, 17, "2001:db8:1234:5678:abcd:ef01:2345:6789");
	scene_limits(scene, 2, 4);
	if (argc < 2)
		connect_all(scene);
	judge_links(scene);
	scene->has_warnings = true;
	scene_serve(scene);
	return 0;
}
