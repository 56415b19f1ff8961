/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records in a mapped file: written without a system call, whole or not at all. A process that
 * dies at any instruction leaves each record as it was before or as it is after.
 *
 * The file is a header area of the owner's, then slots of one size. A record takes one slot, or a
 * chain of them. It is written into free slots and then published by one store; only then is the
 * record it replaces freed. So a reader may find two of one key, and the younger counts.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* Holds the record of a connection of two IPv4 subflows; one of IPv6 takes two. */
#define SLOT_SIZE 128
/* The most bytes of one record. */
#define SLOTS_RECORD_MAX 49152

struct slots {
	int fd;
	uint8_t *map; /* the whole file */
	size_t map_size, header_size;
	uint32_t n_slots; /* in the file */
	uint32_t fresh; /* from here on none was ever used in this life */
	uint32_t free; /* first of the free ones before that; names as below */
	uint64_t generation; /* of the last record written */
};

/*
 * Map the file behind `fd` (which the slots own from now on), made long enough for the header.
 * What is in the slots is not looked at before slots_load(). 0 or -errno; -EFBIG: too long to be
 * one of ours.
 */
int slots_open(struct slots *slots, int fd, size_t header_size);
void slots_close(struct slots *slots);

/*
 * Find the youngest whole record of each key, tell it, and free all else. `bytes` are valid during
 * the call. Returns how many were damaged.
 */
size_t slots_load(struct slots *slots,
		  void (*on_record)(void *data, uint32_t key, uint32_t slot, const uint8_t *bytes,
				    size_t size),
		  void *data);
/*
 * Write the record in place of `*slot` (0: of none), and set it to the new one's name, which is
 * never 0. Does nothing if the same is there. 0, or -errno when the file cannot grow; the old
 * record stays then.
 */
int slots_put(struct slots *slots, uint32_t key, const void *bytes, size_t size, uint32_t *slot);
/* Free the record. */
void slots_drop(struct slots *slots, uint32_t slot);

/* Nothing that the program stores after it is stored before, or the other way round. */
#define slots_barrier() __asm__ __volatile__("" ::: "memory")

#endif
