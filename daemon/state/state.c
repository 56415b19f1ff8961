/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state.h"

#include <ell/ell.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"
#include "slots.h"
#include "state-record.h"

#ifndef SO_NETNS_COOKIE /* a C library may not know it yet */
#define SO_NETNS_COOKIE 71
#endif

#define NAME "state"
/* "mptcpd", and the order of bytes */
#define MAGIC 0x016d707463706400U
/*
 * Of the places in the file. Records say the size of each of their parts and grow without a new
 * version (state-record.c): what another build wrote is taken over, and the other way round.
 */
#define VERSION 1

#define GUARD_AT 1024
#define HOST_AT 4096
#define HOST_SIZE 8192
#define SLOTS_AT (HOST_AT + 2 * HOST_SIZE)

_Static_assert(GUARD_AT + sizeof(struct guard) <= HOST_AT, "it fits");
_Static_assert(SLOTS_RECORD_MAX >= RECORD_MAX, "each record fits");

struct header {
	uint64_t magic; /* written last */
	uint32_t version, slot_size;
	struct state_identity identity;
	uint32_t guard_size; /* 0 in files of the first builds, which did not say it */
};

/* One of two: the older is overwritten, the younger counts. */
struct host_copy {
	uint64_t generation; /* 0: being written */
	uint64_t checksum; /* of generation, size and bytes */
	uint32_t size;
	uint8_t bytes[RECORD_HOST_MAX];
};

_Static_assert(sizeof(struct host_copy) <= HOST_SIZE, "it fits");

/* Behind the bytes of a copy, where the first build looks at nothing. */
struct host_more {
	uint64_t checksum; /* of the copy's generation, size and bytes */
	uint32_t size;
	uint8_t bytes[RECORD_HOST_MORE_MAX];
};

struct state {
	struct slots slots;
	uint8_t *head; /* the file up to HOST_AT once more, where nothing moves */
	struct state_host host;
	bool knows_host; /* what was there of it could be read */
	bool is_full; /* the last record found no room: said once */
};

int state_identify(struct state_identity *ret_identity)
{
	struct state_identity identity = {0};
	socklen_t size = sizeof(identity.netns);
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, identity.boot_id, sizeof(identity.boot_id) - 1);
	int r = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &identity.netns, &size) < 0)
		r = -errno;
	close(fd);
	if (r == 0)
		*ret_identity = identity;
	return r;
}

/* ---- the host ---- */

static struct host_copy *host_copy(const struct state *state, uint64_t generation)
{
	return (struct host_copy *)(void *)(state->slots.map + HOST_AT +
					    generation % 2 * HOST_SIZE);
}

static uint64_t host_checksum(const struct host_copy *copy, uint64_t generation)
{
	uint64_t sum = CHECKSUM_START;

	sum = checksum_add(sum, &generation, sizeof(generation));
	sum = checksum_add(sum, &copy->size, sizeof(copy->size));
	return checksum_add(sum, copy->bytes, copy->size);
}

static bool is_whole(const struct host_copy *copy)
{
	return copy->generation && copy->size <= sizeof(copy->bytes) &&
	       copy->checksum == host_checksum(copy, copy->generation);
}

/* The younger whole copy; NULL: none was ever written. */
static const struct host_copy *last_host(const struct state *state)
{
	const struct host_copy *a = host_copy(state, 0), *b = host_copy(state, 1);

	if (!is_whole(a))
		return is_whole(b) ? b : NULL;
	return is_whole(b) && b->generation > a->generation ? b : a;
}

static uint64_t more_checksum(const struct host_more *more, uint64_t generation)
{
	uint64_t sum = CHECKSUM_START;

	sum = checksum_add(sum, &generation, sizeof(generation));
	sum = checksum_add(sum, &more->size, sizeof(more->size));
	return checksum_add(sum, more->bytes, more->size);
}

/* There is room: the most endpoints take less. */
static void write_more(const struct state *state, struct host_copy *copy, uint64_t generation)
{
	struct host_more more = {0};

	if (copy->size + sizeof(more) > sizeof(copy->bytes))
		return;
	more.size = (uint32_t)record_encode_host_more(&state->host, more.bytes);
	more.checksum = more_checksum(&more, generation);
	memcpy(copy->bytes + copy->size, &more, sizeof(more));
}

/* An earlier build, which writes none, leaves one of another generation at most. */
static void read_more(struct state *state, const struct host_copy *copy)
{
	struct host_more more;

	if (copy->size + sizeof(more) > sizeof(copy->bytes))
		return;
	memcpy(&more, copy->bytes + copy->size, sizeof(more));
	if (more.size <= sizeof(more.bytes) &&
	    more.checksum == more_checksum(&more, copy->generation))
		record_decode_host_more(more.bytes, more.size, &state->host);
}

static void write_host(struct state *state)
{
	const struct host_copy *last = last_host(state);
	uint64_t generation = last ? last->generation + 1 : 1;
	struct host_copy *copy = host_copy(state, generation);

	copy->generation = 0;
	slots_barrier();
	copy->size = (uint32_t)record_encode_host(&state->host, copy->bytes);
	copy->checksum = host_checksum(copy, generation);
	write_more(state, copy, generation);
	slots_barrier();
	copy->generation = generation;
	slots_barrier();
}

bool state_knows_host(const struct state *state)
{
	return state->knows_host;
}

enum path_manager state_path_manager(const struct state *state)
{
	return state->host.path_manager;
}

void state_set_path_manager(struct state *state, enum path_manager before)
{
	state->host.path_manager = before;
	write_host(state);
}

enum deny_join state_deny_join(const struct state *state)
{
	return state->host.deny_join;
}

void state_set_deny_join(struct state *state, enum deny_join before)
{
	state->host.deny_join = before;
	write_host(state);
}

struct engine_host state_host(const struct state *state)
{
	const struct state_host *host = &state->host;

	return (struct engine_host){
		.endpoints = host->endpoints,
		.n_endpoints = host->n_endpoints,
		.has_limits = host->has_limits,
		.limits_before = host->limits_before,
		.limits_set = host->limits_set,
		.limits_held = host->limits_held,
	};
}

void state_set_host(struct state *state, const struct engine_host *host)
{
	struct state_host *kept = &state->host;

	kept->has_limits = host->has_limits;
	kept->limits_before = host->limits_before;
	kept->limits_set = host->limits_set;
	kept->limits_held = host->limits_held;
	kept->n_endpoints = host->n_endpoints;
	if (kept->n_endpoints > RECORD_ENDPOINTS_MAX)
		kept->n_endpoints = RECORD_ENDPOINTS_MAX; /* ids are bytes: there are no more */
	for (size_t i = 0; i < kept->n_endpoints; i++)
		kept->endpoints[i] = host->endpoints[i];
	write_host(state);
}

/* ---- the file ---- */

/* NULL: it is ours. Else in words what is wrong. */
static const char *judge_header(const struct header *header, const struct state_identity *identity)
{
	if (header->magic != MAGIC)
		return "it is not a state file";
	if (header->version != VERSION || header->slot_size != SLOT_SIZE)
		return "another version of mptcpd wrote it";
	if (memcmp(header->identity.boot_id, identity->boot_id, sizeof(identity->boot_id)) != 0)
		return "it is from before the last boot";
	if (header->identity.netns != identity->netns)
		return "it is of another network namespace";
	return NULL;
}

/* Before anything is mapped: a file that others can change or cut is not trusted. */
static const char *judge_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (st->st_uid != geteuid() || (st->st_mode & 077) != 0 || st->st_nlink != 1)
		return "others may change it";
	if (st->st_size > 0 && st->st_size < SLOTS_AT)
		return "it is cut short";
	return NULL;
}

static int open_file(int directory, int flags)
{
	return openat(directory, NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
}

static void log_dropped(const char *path, const char *why)
{
	l_warn("%s/" NAME " is dropped: %s", path, why);
}

/* The file that is there, if it is ours. 0, 1: there is none that can be used, or -errno. */
static int open_old(struct state *state, int directory, const char *path,
		    const struct state_identity *identity)
{
	int fd = open_file(directory, 0);
	const char *why;
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &st) < 0) {
		why = strerror(errno);
	} else {
		why = judge_file(&st);
		if (!why && st.st_size == 0)
			why = "it is empty";
	}
	if (why) {
		if (fd >= 0)
			close(fd);
		log_dropped(path, why);
		return 1;
	}
	r = slots_open(&state->slots, fd, SLOTS_AT);
	if (r == 0)
		why = judge_header((const struct header *)(void *)state->slots.map, identity);
	else
		why = strerror(-r);
	if (!why)
		return 0;
	slots_close(&state->slots);
	log_dropped(path, why);
	return 1;
}

/* A new file, beside which nobody else's descriptor of the old one matters. */
static int open_new(struct state *state, int directory, const struct state_identity *identity)
{
	struct header *header;
	int fd, r;

	if (unlinkat(directory, NAME, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = open_file(directory, O_CREAT | O_EXCL);
	if (fd < 0)
		return -errno;
	r = slots_open(&state->slots, fd, SLOTS_AT);
	if (r < 0) {
		slots_close(&state->slots);
		unlinkat(directory, NAME, 0); /* it may have been the last room on the disk */
		return r;
	}
	header = (struct header *)(void *)state->slots.map;
	header->version = VERSION;
	header->slot_size = SLOT_SIZE;
	header->identity = *identity;
	slots_barrier();
	header->magic = MAGIC;
	return 0;
}

/* What another build left there in another shape says nothing to this one. */
static void check_guard(struct state *state)
{
	struct header *header = (struct header *)(void *)state->head;

	if (header->guard_size && header->guard_size != sizeof(struct guard))
		*state_guard(state) = (struct guard){0};
	header->guard_size = sizeof(struct guard);
}

/* Was none ever begun? */
static bool is_blank(const struct host_copy *copy)
{
	return !copy->generation && !copy->checksum && !copy->size;
}

static void read_host(struct state *state, const char *path)
{
	const struct host_copy *last = last_host(state);
	bool is_blank_host = is_blank(host_copy(state, 0)) && is_blank(host_copy(state, 1));

	if (last ? record_decode_host(last->bytes, last->size, &state->host) < 0 : !is_blank_host) {
		state->knows_host = false;
		log_dropped(path, "what it says of the host makes no sense");
	} else if (last) {
		read_more(state, last);
	}
}

int state_open(const char *runtime_directory, const struct state_identity *identity,
	       struct state **ret_state)
{
	int directory = open(runtime_directory, O_DIRECTORY | O_PATH | O_CLOEXEC);
	struct state *state;
	int r;

	if (directory < 0)
		return -errno;
	state = l_new(struct state, 1);
	r = open_old(state, directory, runtime_directory, identity);
	state->knows_host = r == 0;
	if (r > 0)
		r = open_new(state, directory, identity);
	close(directory);
	if (r < 0) {
		l_free(state);
		return r;
	}
	state->head = mmap(NULL, HOST_AT, PROT_READ | PROT_WRITE, MAP_SHARED, state->slots.fd, 0);
	if (state->head == MAP_FAILED) {
		r = -errno;
		slots_close(&state->slots);
		l_free(state);
		return r;
	}
	check_guard(state);
	read_host(state, runtime_directory);
	*ret_state = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	munmap(state->head, HOST_AT);
	slots_close(&state->slots);
	l_free(state);
}

struct guard *state_guard(struct state *state)
{
	return (struct guard *)(void *)(state->head + GUARD_AT);
}

/* ---- connections ---- */

struct loading {
	struct state *state;
	void (*on_event)(void *data, const struct event *event);
	void *data;
	struct l_queue *bad; /* names of slots that cannot be used */
};

static void on_record(void *data, uint32_t token, uint32_t slot, const uint8_t *bytes, size_t size)
{
	struct loading *loading = data;

	if (record_decode(bytes, size, token, slot, loading->on_event, loading->data) < 0)
		l_queue_push_tail(loading->bad, L_UINT_TO_PTR(slot));
}

void state_load(struct state *state, void (*on_event)(void *data, const struct event *event),
		void *data)
{
	struct loading loading = {state, on_event, data, l_queue_new()};
	size_t damaged = slots_load(&state->slots, on_record, &loading);

	while (!l_queue_isempty(loading.bad)) {
		slots_drop(&state->slots, L_PTR_TO_UINT(l_queue_pop_head(loading.bad)));
		damaged++;
	}
	l_queue_destroy(loading.bad, NULL);
	if (damaged)
		l_warn("%zu of the saved connections are damaged and forgotten", damaged);
}

void state_save(struct state *state, struct connection *connection)
{
	static uint8_t record[RECORD_MAX]; /* of which hardly any is ever used */
	size_t size = record_encode(connection, record);
	int r = slots_put(&state->slots, connection->token, record, size, &connection->saved_slot);

	if (r < 0 && !state->is_full)
		l_warn("connections cannot be saved and may lose their history at a restart: %s",
		       strerror(-r));
	state->is_full = r < 0;
}

bool state_is_full(const struct state *state)
{
	return state->is_full;
}

void state_forget(struct state *state, struct connection *connection)
{
	if (connection->saved_slot)
		slots_drop(&state->slots, connection->saved_slot);
	connection->saved_slot = 0;
}
