/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in a file, whatever happens to the file or to who writes it. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "slots.h"

#define HEADER 4096
#define KEYS 16
#define RECORD_SIZE_MAX 2000

struct world {
	char *directory;
	const char *path;
	struct slots slots;
	/* what slots_load() told */
	size_t n_records;
	uint32_t slot[KEYS + 1];
	uint64_t version[KEYS + 1]; /* 0: no record of this key */
};

static void open_slots(struct world *world)
{
	int fd = open(world->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(slots_open(&world->slots, fd, HEADER), ==, 0);
}

static void set_up(struct world *world, gconstpointer data)
{
	(void)data;
	memset(world, 0, sizeof(*world));
	world->directory = scratch_new();
	world->path = scratch_path(world->directory, "slots");
	open_slots(world);
}

static void tear_down(struct world *world, gconstpointer data)
{
	(void)data;
	slots_close(&world->slots);
	scratch_free(world->directory);
}

/* The record of a key in some version: bytes and length that only these two have. */
static size_t compose(uint32_t key, uint64_t version, uint8_t bytes[static RECORD_SIZE_MAX])
{
	size_t size = 16 + (key * 131 + version * 977) % (RECORD_SIZE_MAX - 16);

	memcpy(bytes, &version, sizeof(version));
	for (size_t i = sizeof(version); i < size; i++)
		bytes[i] = (uint8_t)(key * 7 + version * 13 + i);
	return size;
}

static void on_record(void *data, uint32_t key, uint32_t slot, const uint8_t *bytes, size_t size)
{
	struct world *world = data;
	uint8_t expected[RECORD_SIZE_MAX];
	uint64_t version;

	g_assert_cmpuint(key, >=, 1);
	g_assert_cmpuint(key, <=, KEYS);
	g_assert_cmpuint(size, >=, sizeof(version));
	memcpy(&version, bytes, sizeof(version));
	g_assert_cmpmem(bytes, size, expected, compose(key, version, expected));
	g_assert_cmpuint(world->version[key], ==, 0);
	world->version[key] = version;
	world->slot[key] = slot;
	world->n_records++;
}

static size_t load(struct world *world)
{
	world->n_records = 0;
	memset(world->slot, 0, sizeof(world->slot));
	memset(world->version, 0, sizeof(world->version));
	return slots_load(&world->slots, on_record, world);
}

static size_t reload(struct world *world)
{
	slots_close(&world->slots);
	open_slots(world);
	return load(world);
}

static void put(struct world *world, uint32_t key, uint64_t version)
{
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t size = compose(key, version, bytes);

	g_assert_cmpint(slots_put(&world->slots, key, bytes, size, &world->slot[key]), ==, 0);
}

static off_t file_size(const struct world *world)
{
	struct stat st;

	g_assert_cmpint(stat(world->path, &st), ==, 0);
	return st.st_size;
}

static void come_back(struct world *world, gconstpointer data)
{
	(void)data;
	for (uint64_t version = 1; version <= 3; version++)
		for (uint32_t key = 1; key <= KEYS; key++)
			put(world, key, version);
	slots_drop(&world->slots, world->slot[5]);
	g_assert_cmpuint(reload(world), ==, 0);
	g_assert_cmpuint(world->n_records, ==, KEYS - 1);
	for (uint32_t key = 1; key <= KEYS; key++)
		g_assert_cmpuint(world->version[key], ==, key == 5 ? 0 : 3);
	/* and can be replaced and dropped by the one who read them */
	put(world, 1, 4);
	slots_drop(&world->slots, world->slot[2]);
	g_assert_cmpuint(reload(world), ==, 0);
	g_assert_cmpuint(world->version[1], ==, 4);
	g_assert_cmpuint(world->version[2], ==, 0);
	g_assert_cmpuint(world->n_records, ==, KEYS - 2);
}

static void same_is_not_written(struct world *world, gconstpointer data)
{
	uint64_t generation;
	uint32_t slot;

	(void)data;
	put(world, 1, 3);
	generation = world->slots.generation;
	slot = world->slot[1];
	put(world, 1, 3);
	g_assert_cmpuint(world->slots.generation, ==, generation);
	g_assert_cmpuint(world->slot[1], ==, slot);
	put(world, 1, 4);
	g_assert_cmpuint(world->slots.generation, ==, generation + 1);
}

static void file_stays_flat(struct world *world, gconstpointer data)
{
	uint64_t version = 1;
	off_t size = 0;

	(void)data;
	put(world, 1, version);
	g_assert_cmpint(file_size(world), >, HEADER);
	for (int i = 0; i < 100000; i++) {
		if (i == 1000) /* the longest record was among them */
			size = file_size(world);
		uint32_t key = 2 + (uint32_t)i % (KEYS - 1);

		put(world, key, version++);
		slots_drop(&world->slots, world->slot[key]);
		world->slot[key] = 0;
	}
	g_assert_cmpint(file_size(world), ==, size);
	g_assert_cmpuint(reload(world), ==, 0);
	g_assert_cmpuint(world->n_records, ==, 1);
	g_assert_cmpint(file_size(world), <=, size);
}

static void grows(struct world *world, gconstpointer data)
{
	uint32_t slots[6000] = {0};
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t n = 0;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(slots); i++) {
		uint32_t key = 1 + (uint32_t)i % KEYS;
		size_t size = compose(key, i, bytes);

		g_assert_cmpint(slots_put(&world->slots, key, bytes, size, &slots[i]), ==, 0);
	}
	/* all were written under few keys: the youngest of each counts, whatever slot it has */
	g_assert_cmpuint(reload(world), ==, 0);
	g_assert_cmpuint(world->n_records, ==, KEYS);
	for (uint32_t key = 1; key <= KEYS; key++)
		n += world->version[key] >= G_N_ELEMENTS(slots) - KEYS;
	g_assert_cmpuint(n, ==, KEYS);
}

/* It grows by little, and what a crowd needed goes with the next start. */
static void takes_what_it_needs(struct world *world, gconstpointer data)
{
	enum { N = 5000 };
	static uint32_t slots[N];
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t size = compose(1, 1, bytes), n = (size + SLOT_SIZE - 33) / (SLOT_SIZE - 32);

	(void)data;
	for (size_t i = 0; i < N; i++)
		g_assert_cmpint(slots_put(&world->slots, (uint32_t)i + 100, bytes, size, &slots[i]),
				==, 0);
	g_assert_cmpint(file_size(world), <=, HEADER + (off_t)(N * n * SLOT_SIZE * 105 / 100));
	for (size_t i = N; i-- > 0;)
		slots_drop(&world->slots, slots[i]);
	memset(slots, 0, sizeof(slots));
	put(world, 1, 1);
	g_assert_cmpuint(reload(world), ==, 0);
	g_assert_cmpuint(world->n_records, ==, 1);
	g_assert_cmpint(file_size(world), <=, HEADER + 8192);
	/* and grows again */
	put(world, 2, 1);
	for (size_t i = 0; i < N; i++)
		g_assert_cmpint(slots_put(&world->slots, (uint32_t)i + 100, bytes, size, &slots[i]),
				==, 0);
}

static void too_long_is_refused(struct world *world, gconstpointer data)
{
	static const uint8_t bytes[SLOTS_RECORD_MAX + 1];
	uint32_t slot = 0;

	(void)data;
	g_assert_cmpint(slots_put(&world->slots, 1, bytes, sizeof(bytes), &slot), ==, -E2BIG);
	g_assert_cmpuint(slot, ==, 0);
}

/* ---- damage ---- */

static void write_file(const struct world *world, const char *bytes, size_t size)
{
	int fd = open(world->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	g_assert_cmpint(write(fd, bytes, size), ==, (ssize_t)size);
	close(fd);
}

/* Versions of keys 1 to 4 with which a record takes one slot, or (key 1) two. */
static uint64_t small[KEYS + 1];

/* Whatever was done to the file: what is told is what was written, or is not told. */
static void judge(struct world *world, size_t n_least)
{
	open_slots(world);
	load(world);
	g_assert_cmpuint(world->n_records, >=, n_least);
	for (uint32_t key = 1; key <= KEYS; key++)
		g_assert_true(world->version[key] == 0 || world->version[key] == small[key]);
	slots_close(&world->slots);
}

/* Four records in the first slots; the rest of the file is cut off. */
static char *small_file(struct world *world, size_t *ret_size)
{
	uint8_t record[RECORD_SIZE_MAX];
	char *bytes;

	for (uint32_t key = 1; key <= 4; key++) {
		size_t least = key == 1 ? SLOT_SIZE : SLOT_SIZE / 4;

		small[key] = 1;
		while (compose(key, small[key], record) - least > SLOT_SIZE / 4)
			small[key]++;
		put(world, key, small[key]);
	}
	g_assert_cmpuint(world->slots.fresh, ==, 5);
	*ret_size = HEADER + (size_t)world->slots.fresh * SLOT_SIZE;
	slots_close(&world->slots);
	g_assert_true(g_file_get_contents(world->path, &bytes, NULL, NULL));
	return bytes;
}

static void every_cut_is_survived(struct world *world, gconstpointer data)
{
	size_t size;
	g_autofree char *bytes = small_file(world, &size);

	(void)data;
	for (size_t cut = 0; cut <= size; cut++) {
		write_file(world, bytes, cut);
		judge(world, cut == size ? 4 : 0);
	}
	open_slots(world);
}

static void every_flip_is_survived(struct world *world, gconstpointer data)
{
	size_t size;
	g_autofree char *bytes = small_file(world, &size);

	(void)data;
	for (size_t i = HEADER; i < size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] = (char)(bytes[i] ^ 1 << bit);
			write_file(world, bytes, size);
			judge(world, 3); /* no more than one is lost */
			bytes[i] = (char)(bytes[i] ^ 1 << bit);
		}
	}
	open_slots(world);
}

static void garbage_is_survived(struct world *world, gconstpointer data)
{
	g_autofree char *bytes = g_malloc(HEADER + 64 * SLOT_SIZE);
	/* what a slot of use begins with */
	static const uint32_t kinds[] = {0x48ead5a1, 0x5b1c0e76, 0};

	(void)data;
	slots_close(&world->slots);
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < HEADER + 64 * SLOT_SIZE; i++)
			bytes[i] = (char)g_test_rand_int();
		for (size_t i = 0; i < 64; i++) {
			uint32_t next = (uint32_t)g_test_rand_int_range(0, 70);

			memcpy(bytes + HEADER + i * SLOT_SIZE, &kinds[i % 3], sizeof(kinds[0]));
			memcpy(bytes + HEADER + i * SLOT_SIZE + 4, &next, sizeof(next));
		}
		write_file(world, bytes, HEADER + 64 * SLOT_SIZE);
		open_slots(world);
		load(world);
		g_assert_cmpuint(world->n_records, ==, 0);
		/* and it works from there on */
		put(world, 1, 1);
		slots_close(&world->slots);
	}
	open_slots(world);
}

/* ---- death ---- */

/* Shared with the writer: which version of each key was begun, and which is there for sure. */
struct progress {
	volatile uint64_t begun[KEYS + 1], done[KEYS + 1];
};

#define DROPPED UINT64_MAX

static void G_GNUC_NORETURN write_for_ever(struct world *world, struct progress *progress, int pipe)
{
	for (uint64_t i = 1;; i++) {
		uint32_t key = 1 + (uint32_t)(i * 2654435761U >> 7) % KEYS;
		bool drop = i % 11 == 0 && world->slot[key];

		progress->begun[key] = drop ? DROPPED : progress->begun[0] + i;
		slots_barrier();
		if (drop) {
			slots_drop(&world->slots, world->slot[key]);
			world->slot[key] = 0;
		} else {
			put(world, key, progress->begun[key]);
		}
		slots_barrier();
		progress->done[key] = progress->begun[key];
		if (i % 4 == 0 && write(pipe, "", 1) != 1)
			_exit(1);
	}
}

static bool is_told(const struct world *world, uint32_t key, uint64_t version)
{
	return world->version[key] == (version == DROPPED ? 0 : version);
}

static void check_after_death(const struct world *world, const struct progress *progress)
{
	for (uint32_t key = 1; key <= KEYS; key++)
		g_assert_true(is_told(world, key, progress->begun[key]) ||
			      is_told(world, key, progress->done[key]));
}

static void kill_a_writer(struct world *world, struct progress *progress)
{
	int pipe[2], status;
	char bytes[256];
	pid_t child;

	g_assert_cmpint(pipe2(pipe, O_CLOEXEC), ==, 0);
	child = fork();
	g_assert_cmpint(child, >=, 0);
	if (child == 0)
		write_for_ever(world, progress, pipe[1]);
	close(pipe[1]);
	for (int n = g_test_rand_int_range(1, 2000); n > 0;) {
		ssize_t got = read(pipe[0], bytes, n < 256 ? (size_t)n : 256);

		g_assert_cmpint(got, >, 0);
		n -= (int)got;
	}
	/* a moment of its own, on top of where the writer stands */
	for (volatile int spin = g_test_rand_int_range(0, 20000); spin > 0; spin--)
		;
	g_assert_cmpint(kill(child, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_true(WIFSIGNALED(status));
	close(pipe[0]);
}

static void killed_writer_leaves_old_or_new(struct world *world, gconstpointer data)
{
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)data;
	g_assert_true(progress != MAP_FAILED);
	for (int round = 0; round < 200; round++) {
		progress->begun[0] = (uint64_t)round * 1000000000;
		kill_a_writer(world, progress);
		g_assert_cmpuint(reload(world), ==, 0);
		check_after_death(world, progress);
		/* what is there now is where the next one starts */
		for (uint32_t key = 1; key <= KEYS; key++)
			progress->begun[key] = progress->done[key] =
				world->version[key] ? world->version[key] : DROPPED;
	}
	munmap(progress, sizeof(*progress));
}

#define ADD(path, function)                                                                        \
	g_test_add("/slots/" path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("records/come-back", come_back);
	ADD("records/same-is-not-written-again", same_is_not_written);
	ADD("records/too-long-is-refused", too_long_is_refused);
	ADD("file/stays-flat-over-100000-records", file_stays_flat);
	ADD("file/takes-what-it-needs", takes_what_it_needs);
	ADD("file/grows", grows);
	ADD("damage/every-cut-is-survived", every_cut_is_survived);
	ADD("damage/every-flipped-bit-is-survived", every_flip_is_survived);
	ADD("damage/garbage-is-survived", garbage_is_survived);
	ADD("death/leaves-the-old-or-the-new-record", killed_writer_leaves_old_or_new);
	return g_test_run();
}
