/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel tells in the scene of the bus, and a program that is nothing but that. */
#include "bus-scene.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"

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

void scene_link(struct scene *scene, uint32_t ifindex, const char *name)
{
	struct event event = {.type = EVENT_LINK,
			      .link = {.ifindex = ifindex,
				       .type = MPTCPD_LINK_ETHERNET,
				       .up = true,
				       .carrier = true}};

	g_strlcpy(event.link.name, name, sizeof(event.link.name));
	feed(scene, &event);
}

void scene_local(struct scene *scene, uint32_t ifindex, const char *text)
{
	struct event event = {.type = EVENT_LOCAL,
			      .local = {.addr = address(text, 0),
					.ifindex = ifindex,
					.prefix = 24}};

	feed(scene, &event);
}

void scene_endpoint(struct scene *scene, uint8_t id, const char *text)
{
	struct event event = {.type = EVENT_ENDPOINT,
			      .endpoint = {.addr = address(text, 0),
					   .flags = MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP,
					   .ifindex = 1,
					   .id = id}};

	feed(scene, &event);
}

void scene_limits(struct scene *scene, uint32_t subflows, uint32_t add_addr_accepted)
{
	struct event event = {.type = EVENT_LIMITS,
			      .limits = {.subflows = subflows,
					 .add_addr_accepted = add_addr_accepted}};

	feed(scene, &event);
}

void scene_connect(struct scene *scene, uint32_t token)
{
	struct event event = {.type = EVENT_CONNECTION_CREATED,
			      .token = token,
			      .connection = {.local = address("10.0.0.1", (uint16_t)token),
					     .remote = address("10.9.0.1", 80),
					     .side = MPTCPD_SIDE_CLIENT}};

	feed(scene, &event);
	event.type = EVENT_CONNECTION_ESTABLISHED;
	feed(scene, &event);
}

static struct event subflow_event(uint32_t token)
{
	return (struct event){.token = token,
			      .subflow = {.local = address("10.0.1.1", (uint16_t)token),
					  .remote = address("10.9.0.1", 80),
					  .local_id = 7,
					  .ifindex = 2}};
}

void scene_join(struct scene *scene, uint32_t token)
{
	struct event event = subflow_event(token);

	event.type = EVENT_SUBFLOW_ESTABLISHED;
	feed(scene, &event);
}

/* Somebody has asked, and a snapshot is under way. */
void scene_measure(struct scene *scene, uint32_t token)
{
	struct event event = subflow_event(token);

	engine_measure(scene->engine, scene->now_ms);
	feed(scene, &(struct event){.type = EVENT_SNAPSHOT_BEGIN});
	event.type = EVENT_SNAPSHOT_SUBFLOW;
	event.subflow.measure = (struct mptcpd_measure){.taken_ms = scene->now_ms,
							.rtt_us = 12345,
							.bytes_sent = 10,
							.bytes_received = 20,
							.retransmits = 3};
	feed(scene, &event);
}

void scene_leave(struct scene *scene, uint32_t token)
{
	struct event event = subflow_event(token);

	event.type = EVENT_SUBFLOW_CLOSED;
	event.subflow.error = ECONNREFUSED;
	feed(scene, &event);
}

void scene_announce(struct scene *scene, uint32_t token)
{
	struct event event = {.type = EVENT_ADDRESS_ANNOUNCED,
			      .token = token,
			      .peer_address = {.addr = address("2001:db8::9", 81), .id = 3}};

	feed(scene, &event);
}

void scene_close(struct scene *scene, uint32_t token)
{
	feed(scene, &(struct event){.type = EVENT_CONNECTION_CLOSED, .token = token});
}

void scene_settle(struct scene *scene)
{
	engine_settle(scene->engine, scene->now_ms);
	bus_flush(scene->bus);
}

static void on_end(void *data, int fd, uint32_t events)
{
	loop_quit(data);
}

void scene_serve(struct scene *scene)
{
	struct loop_source end = {.on_ready = on_end, .data = &scene->loop, .fd = STDIN_FILENO};

	scene_settle(scene);
	g_assert_cmpint(loop_watch(&scene->loop, &end, LOOP_REST, EPOLLIN), ==, 0);
	printf("%s\n", scene->socket);
	fflush(stdout);
	g_assert_cmpint(loop_run(&scene->loop), ==, 0);
	loop_unwatch(&end);
	scene_free(scene);
}
