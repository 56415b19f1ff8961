// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The long way between two hosts: for each link N it carries the frames of the device nearN to farN
 * and back, late, slowly, not all of them, or none.
 *
 *	wan DIRECTORY EPOCH LINKS
 *
 * It obeys stdin, one order a line, and answers each with one on stdout when it holds:
 * "LINK up|down WORD NUMBER". Up is from near to far. The words are
 *	delay	milliseconds on the way (0)
 *	rate	kilobits a second (10000)
 *	queue	bytes that may wait because of the rate (65536)
 *	loss	so many of a hundred packets (0)
 *	dead	1: nothing gets out at the other end
 *	port	the same for TCP from or to this one port (0: none)
 * Neighbours find each other at all times and at once (ARP, ND): the link itself is well.
 *
 * What gets through is recorded (talk.h) in DIRECTORY/up-N and down-N: bytes of TCP's payload.
 */
#include "talk.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINKS 32
#define MAX_FRAME 66000

struct packet {
	struct packet *next;
	uint64_t due_us;
	size_t size;
	unsigned char frame[]; /* behind a virtio_net_hdr, which says what offloading left undone */
};

/* One direction of a link. */
struct way {
	int in, out;
	uint64_t delay_us, kbps, queue, loss, dead, port;
	uint64_t free_us; /* when the last one will have been put on the line */
	struct packet *first, **last;
	struct record record;
};

static struct way ways[MAX_LINKS][2];
static size_t n_links;

/* A packet socket that sees what the device receives. */
static int open_device(const char *name, size_t i)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
	char device[IF_NAMESIZE];

	snprintf(device, sizeof(device), "%s%zu", name, i + 1);
	address.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) <
		    0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(device);
	return fd;
}

static void open_link(const char *directory, uint64_t epoch_us, size_t i)
{
	static const char *const names[] = {"up", "down"};
	int near = open_device("near", i), far = open_device("far", i);

	for (size_t down = 0; down < 2; down++) {
		struct way *way = &ways[i][down];
		char path[256];

		snprintf(path, sizeof(path), "%s/%s-%zu", directory, names[down], i + 1);
		*way = (struct way){.in = down ? far : near,
				    .out = down ? near : far,
				    .kbps = 10000,
				    .queue = 65536,
				    .last = &way->first,
				    .record = record_open(path, epoch_us)};
	}
}

static unsigned read_16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static const unsigned char *network_header(const struct packet *packet)
{
	return packet->frame + sizeof(struct virtio_net_hdr) + ETH_HLEN;
}

static unsigned protocol(const struct packet *packet)
{
	return read_16(network_header(packet) - 2);
}

static bool is_neighbour_talk(const struct packet *packet)
{
	const unsigned char *ip = network_header(packet);

	return protocol(packet) == ETH_P_ARP ||
	       (protocol(packet) == ETH_P_IPV6 && ip[6] == IPPROTO_ICMPV6 && ip[40] >= 133 &&
		ip[40] <= 137);
}

/* The segment and its size, or NULL. */
static const unsigned char *tcp_segment(const struct packet *packet, size_t *ret_size)
{
	const unsigned char *ip = network_header(packet);
	bool is_v4 = protocol(packet) == ETH_P_IP;
	size_t header = is_v4 ? (size_t)(ip[0] & 15) * 4 : 40;

	*ret_size = is_v4 ? read_16(ip + 2) - header : read_16(ip + 4);
	return ip[is_v4 ? 9 : 6] == IPPROTO_TCP ? ip + header : NULL;
}

static size_t tcp_payload(const struct packet *packet)
{
	size_t size, header;
	const unsigned char *tcp = tcp_segment(packet, &size);

	header = tcp ? (size_t)(tcp[12] >> 4) * 4 : 0;
	return tcp && size > header ? size - header : 0;
}

static bool is_stopped(const struct way *way, const struct packet *packet)
{
	size_t size;
	const unsigned char *tcp = tcp_segment(packet, &size);

	return way->dead ||
	       (way->port && tcp && (read_16(tcp) == way->port || read_16(tcp + 2) == way->port));
}

/* The device may be down, or its queue full: that is a loss like others. */
static void emit(struct way *way, const struct packet *packet)
{
	if (send(way->out, packet->frame, packet->size, 0) >= 0)
		record_add(&way->record, tcp_payload(packet));
}

static bool is_taken(const struct way *way, uint64_t now)
{
	uint64_t waiting_us = way->free_us > now ? way->free_us - now : 0;

	return (uint64_t)(random() % 100) >= way->loss &&
	       waiting_us * way->kbps / 8000 <= way->queue;
}

static void take(struct way *way, struct packet *packet)
{
	uint64_t now = now_us();

	if (is_neighbour_talk(packet)) {
		emit(way, packet);
	} else if (is_taken(way, now)) {
		way->free_us =
			(way->free_us > now ? way->free_us : now) + packet->size * 8000 / way->kbps;
		packet->due_us = way->free_us + way->delay_us;
		*way->last = packet;
		way->last = &packet->next;
		return;
	}
	free(packet);
}

static void take_all(struct way *way)
{
	static unsigned char frame[MAX_FRAME];
	ssize_t n;

	while ((n = recv(way->in, frame, sizeof(frame), 0)) > 0) {
		/* Behind a short one are zeros, so that whatever looks into it finds no more than that. */
		size_t room = (size_t)n < 256 ? 256 : (size_t)n;
		struct packet *packet = calloc(1, sizeof(*packet) + room);

		if (!packet)
			fail("calloc");
		packet->size = (size_t)n;
		memcpy(packet->frame, frame, packet->size);
		take(way, packet);
	}
}

/* In the order in which they came, also when the way became shorter meanwhile. */
static void emit_due(struct way *way, uint64_t now)
{
	while (way->first && way->first->due_us <= now) {
		struct packet *packet = way->first;

		way->first = packet->next;
		if (!way->first)
			way->last = &way->first;
		if (!is_stopped(way, packet))
			emit(way, packet);
		free(packet);
	}
}

static uint64_t *place(struct way *way, const char *word)
{
	return strcmp(word, "rate") == 0    ? &way->kbps
	       : strcmp(word, "queue") == 0 ? &way->queue
	       : strcmp(word, "loss") == 0  ? &way->loss
	       : strcmp(word, "dead") == 0  ? &way->dead
	       : strcmp(word, "port") == 0  ? &way->port
	       : strcmp(word, "delay") == 0 ? &way->delay_us
					    : NULL;
}

static void obey(const char *line)
{
	size_t link;
	char direction[8], word[8];
	uint64_t number, *target = NULL;

	if (sscanf(line, "%zu %7s %7s %" SCNu64, &link, direction, word, &number) == 4 &&
	    link >= 1 && link <= n_links)
		target = place(&ways[link - 1][strcmp(direction, "down") == 0], word);
	if (!target) {
		fprintf(stderr, "wan: expected \"LINK up|down WORD NUMBER\": %s", line);
		exit(2);
	}
	*target = strcmp(word, "delay") == 0 ? number * 1000 : number;
	printf("{\"done\":true}\n");
}

/* Until the first packet is due, or some come, or an order. */
static void wait_for_some(struct pollfd *polled)
{
	uint64_t first_us = UINT64_MAX, now = now_us();
	struct timespec left = {3600, 0};

	for (size_t i = 0; i < 2 * n_links; i++) {
		const struct packet *packet = ways[i / 2][i % 2].first;

		if (packet && packet->due_us < first_us)
			first_us = packet->due_us;
	}
	if (first_us != UINT64_MAX) {
		uint64_t left_us = first_us > now ? first_us - now : 0;

		left = (struct timespec){(time_t)(left_us / 1000000),
					 (long)(left_us % 1000000) * 1000};
	}
	if (ppoll(polled, 1 + 2 * n_links, &left, NULL) < 0)
		fail("ppoll");
}

static void run(void)
{
	struct pollfd polled[1 + 2 * MAX_LINKS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
	char line[256];

	for (size_t i = 0; i < 2 * n_links; i++)
		polled[1 + i] = (struct pollfd){ways[i / 2][i % 2].in, POLLIN, 0};
	for (;;) {
		wait_for_some(polled);
		if (polled[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return;
			obey(line);
		}
		for (size_t i = 0; i < 2 * n_links; i++) {
			struct way *way = &ways[i / 2][i % 2];

			if (polled[1 + i].revents)
				take_all(way);
			emit_due(way, now_us());
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > MAX_LINKS) {
		fprintf(stderr, "usage: wan DIRECTORY EPOCH 1-%d\n", MAX_LINKS);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	n_links = (size_t)atoi(argv[3]);
	for (size_t i = 0; i < n_links; i++)
		open_link(argv[1], strtoull(argv[2], NULL, 10), i);
	printf("{\"links\":%zu}\n", n_links);
	run();
	return 0;
}
