/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"

/* The file grows by so many at once, a page; when it is large, by a part of itself. */
#define STEP (4096 / SLOT_SIZE)
#define STEP_PART 32
/* A file with more is none of ours: a gigabyte. */
#define SLOTS_MAX (8u << 20)

/* Far apart, so that no flipped bit makes one of another. */
enum kind {
	KIND_FREE = 0,
	KIND_HEAD = 0x48ead5a1,
	KIND_MORE = 0x5b1c0e76,
};

/* Slots are named by their number and one, so that 0 is none. */
struct slot {
	_Atomic uint32_t kind;
	uint32_t next; /* of the chain, or of the free ones */
	uint64_t generation; /* the same in all of a chain, and in no other */
	uint64_t checksum; /* HEAD: of key, generation, size and all bytes */
	uint32_t key;
	uint16_t part; /* place in the chain */
	uint16_t size; /* HEAD: of the record */
	uint8_t bytes[SLOT_SIZE - 32];
};

_Static_assert(sizeof(struct slot) == SLOT_SIZE, "no holes in it");
#define BYTES sizeof(((struct slot *)0)->bytes)
#define PARTS_MAX (SLOTS_RECORD_MAX / BYTES + 1)

static struct slot *at(const struct slots *slots, uint32_t name)
{
	return (struct slot *)(void *)(slots->map + slots->header_size) + (name - 1);
}

/* A process that dies sees its stores in program order: only the compiler is to be held back. */
static void set_kind(struct slot *slot, enum kind kind)
{
	slots_barrier();
	atomic_store_explicit(&slot->kind, kind, memory_order_release);
	slots_barrier();
}

static enum kind kind_of(const struct slot *slot)
{
	return atomic_load_explicit(&slot->kind, memory_order_acquire);
}

static size_t parts_of(size_t size)
{
	return size ? (size + BYTES - 1) / BYTES : 1;
}

static uint64_t checksum(const struct slot *head, const void *bytes)
{
	uint64_t sum = CHECKSUM_START;

	sum = checksum_add(sum, &head->generation, sizeof(head->generation));
	sum = checksum_add(sum, &head->key, sizeof(head->key));
	sum = checksum_add(sum, &head->size, sizeof(head->size));
	return checksum_add(sum, bytes, head->size);
}

/* ---- the file ---- */

/* No holes: a file system that is full must say so now, and not by SIGBUS later. */
static int allocate(int fd, size_t start, size_t size)
{
	int r;

	do
		r = posix_fallocate(fd, (off_t)start, (off_t)size);
	while (r == EINTR);
	return -r;
}

int slots_open(struct slots *slots, int fd, size_t header_size)
{
	struct stat st;
	int r;

	*slots = (struct slots){.fd = fd, .header_size = header_size};
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > (off_t)(header_size + (size_t)SLOTS_MAX * SLOT_SIZE))
		return -EFBIG;
	slots->map_size = (size_t)st.st_size;
	if (slots->map_size < header_size)
		slots->map_size = header_size;
	r = allocate(fd, 0, slots->map_size);
	if (r < 0)
		return r;
	slots->n_slots = (uint32_t)((slots->map_size - header_size) / SLOT_SIZE);
	slots->map = mmap(NULL, slots->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (slots->map == MAP_FAILED) {
		slots->map = NULL;
		return -errno;
	}
	return 0;
}

void slots_close(struct slots *slots)
{
	if (slots->map)
		munmap(slots->map, slots->map_size);
	slots->map = NULL;
	close(slots->fd);
}

static size_t size_of(const struct slots *slots, uint32_t n_slots)
{
	return slots->header_size + (size_t)n_slots * SLOT_SIZE;
}

static int remap(struct slots *slots, uint32_t n_slots)
{
	size_t size = size_of(slots, n_slots);
	void *map = mremap(slots->map, slots->map_size, size, MREMAP_MAYMOVE);

	if (map == MAP_FAILED)
		return -errno;
	slots->map = map;
	slots->map_size = size;
	slots->n_slots = n_slots;
	return 0;
}

/* Whole pages of them, at least so many. */
static uint32_t round_up(uint32_t n_slots)
{
	return (n_slots + STEP - 1) / STEP * STEP;
}

static int grow(struct slots *slots)
{
	uint32_t n = round_up(slots->n_slots + slots->n_slots / STEP_PART + 1);
	size_t start = size_of(slots, slots->n_slots);
	int r;

	if (n > SLOTS_MAX)
		return -EFBIG;
	r = allocate(slots->fd, start, size_of(slots, n) - start);
	return r < 0 ? r : remap(slots, n);
}

/* What another life needed and nobody does now. */
static void shrink(struct slots *slots)
{
	uint32_t n = round_up(slots->fresh);

	if (n < slots->n_slots && remap(slots, n) == 0 &&
	    ftruncate(slots->fd, (off_t)slots->map_size) < 0)
		return; /* the room is lost, and nothing else */
}

/* ---- taking and giving back ---- */

static void give_back(struct slots *slots, uint32_t name)
{
	struct slot *slot = at(slots, name);

	set_kind(slot, KIND_FREE);
	slot->next = slots->free;
	slots->free = name;
}

/* Returns its name, or 0: the file is full. */
static uint32_t take(struct slots *slots)
{
	uint32_t name = slots->free;

	if (name) {
		slots->free = at(slots, name)->next;
		return name;
	}
	return slots->fresh < slots->n_slots ? ++slots->fresh : 0;
}

static int take_all(struct slots *slots, uint32_t names[static PARTS_MAX], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		names[i] = take(slots);
		if (!names[i]) {
			r = grow(slots);
			names[i] = r == 0 ? take(slots) : 0;
		}
		if (names[i])
			continue;
		while (i-- > 0)
			give_back(slots, names[i]);
		return r;
	}
	return 0;
}

void slots_drop(struct slots *slots, uint32_t name)
{
	size_t n = parts_of(at(slots, name)->size);

	for (size_t i = 0; i < n; i++) {
		uint32_t next = at(slots, name)->next;

		give_back(slots, name);
		name = next;
	}
}

/* ---- writing ---- */

static bool holds(const struct slots *slots, uint32_t name, const uint8_t *bytes, size_t size)
{
	if (at(slots, name)->size != size)
		return false;
	for (;;) {
		const struct slot *slot = at(slots, name);
		size_t n = size < BYTES ? size : BYTES;

		if (memcmp(slot->bytes, bytes, n) != 0)
			return false;
		if (n == size)
			return true;
		bytes += n;
		size -= n;
		name = slot->next;
	}
}

static void write_parts(struct slots *slots, uint32_t key, const uint8_t *bytes, size_t size,
			const uint32_t names[static PARTS_MAX], size_t n)
{
	slots->generation++;
	/* The last first: the head stands for all of them. */
	for (size_t i = n; i-- > 0;) {
		struct slot *slot = at(slots, names[i]);
		size_t start = i * BYTES;

		slot->next = i + 1 < n ? names[i + 1] : 0;
		slot->generation = slots->generation;
		slot->key = key;
		slot->part = (uint16_t)i;
		slot->size = i ? 0 : (uint16_t)size;
		slot->checksum = i ? 0 : checksum(slot, bytes);
		memcpy(slot->bytes, bytes + start, size - start < BYTES ? size - start : BYTES);
		set_kind(slot, i ? KIND_MORE : KIND_HEAD);
	}
}

int slots_put(struct slots *slots, uint32_t key, const void *bytes, size_t size, uint32_t *slot)
{
	uint32_t names[PARTS_MAX];
	size_t n = parts_of(size);
	int r;

	if (size > SLOTS_RECORD_MAX)
		return -E2BIG;
	if (*slot && holds(slots, *slot, bytes, size))
		return 0;
	r = take_all(slots, names, n);
	if (r < 0)
		return r;
	write_parts(slots, key, bytes, size, names, n);
	if (*slot)
		slots_drop(slots, *slot);
	*slot = names[0];
	return 0;
}

/* ---- reading what another process left ---- */

struct found {
	uint32_t key, slot;
	uint64_t generation;
};

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->generation > y->generation) - (x->generation < y->generation);
}

/* Put the parts together and check them; nothing in the file is believed. */
static bool read_record(const struct slots *slots, uint32_t name,
			uint8_t bytes[static SLOTS_RECORD_MAX])
{
	const struct slot *head = at(slots, name);
	size_t left = head->size, n = parts_of(left);

	if (head->part != 0 || left > SLOTS_RECORD_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct slot *slot;
		size_t now = left < BYTES ? left : BYTES;

		if (name == 0 || name > slots->n_slots)
			return false;
		slot = at(slots, name);
		if (i && (kind_of(slot) != KIND_MORE || slot->part != i ||
			  slot->generation != head->generation || slot->key != head->key))
			return false;
		memcpy(bytes + i * BYTES, slot->bytes, now);
		left -= now;
		name = slot->next;
	}
	return checksum(head, bytes) == head->checksum;
}

/* All whole records, in order of key and age. Returns how many; those damaged are counted. */
static size_t find_records(const struct slots *slots, struct found *found, uint8_t *bytes,
			   size_t *damaged)
{
	size_t n = 0;

	for (uint32_t name = 1; name <= slots->n_slots; name++) {
		const struct slot *slot = at(slots, name);
		enum kind kind = kind_of(slot);

		if (kind == KIND_HEAD && read_record(slots, name, bytes))
			found[n++] = (struct found){slot->key, name, slot->generation};
		else
			*damaged += kind != KIND_FREE && kind != KIND_MORE;
	}
	qsort(found, n, sizeof(*found), compare_found);
	return n;
}

static void mark_used(const struct slots *slots, uint32_t name, bool *used)
{
	size_t n = parts_of(at(slots, name)->size);

	for (; n > 0; n--) {
		used[name] = true;
		name = at(slots, name)->next;
	}
}

static void free_unused(struct slots *slots, const bool *used)
{
	slots->fresh = 0;
	slots->free = 0;
	for (uint32_t name = 1; name <= slots->n_slots; name++)
		if (used[name])
			slots->fresh = name;
	/* From the end, so that the first ones are taken first. */
	for (uint32_t name = slots->n_slots; name > 0; name--) {
		if (used[name])
			continue;
		if (name > slots->fresh)
			set_kind(at(slots, name), KIND_FREE);
		else
			give_back(slots, name);
	}
}

size_t slots_load(struct slots *slots,
		  void (*on_record)(void *data, uint32_t key, uint32_t slot, const uint8_t *bytes,
				    size_t size),
		  void *data)
{
	struct found *found = calloc(slots->n_slots + 1, sizeof(*found));
	bool *used = calloc((size_t)slots->n_slots + 1, sizeof(*used));
	uint8_t *bytes = malloc(SLOTS_RECORD_MAX + BYTES);
	size_t damaged = 0, n;

	if (!found || !used || !bytes)
		abort();
	n = find_records(slots, found, bytes, &damaged);
	for (size_t i = 0; i < n; i++) {
		if (found[i].generation > slots->generation)
			slots->generation = found[i].generation;
		if (i + 1 < n && found[i + 1].key == found[i].key)
			continue; /* its writer died before it freed the older one */
		mark_used(slots, found[i].slot, used);
	}
	free_unused(slots, used);
	shrink(slots);
	for (size_t i = 0; i < n; i++) {
		if (!used[found[i].slot])
			continue;
		read_record(slots, found[i].slot, bytes);
		on_record(data, found[i].key, found[i].slot, bytes, at(slots, found[i].slot)->size);
	}
	free(found);
	free(used);
	free(bytes);
	return damaged;
}
