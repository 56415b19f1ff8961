/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 64 bits that change with every byte (FNV-1a), against accidents and not against people. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_START 0xcbf29ce484222325U
#define CHECKSUM_PRIME 0x100000001b3U

/* Goes on from `sum`: what came before, or CHECKSUM_START. */
static inline uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size)
{
	const uint8_t *byte = (const uint8_t *)bytes;

	/* Eight in a turn, for it is done with each record of a connection. */
	for (; size >= 8; size -= 8, byte += 8) {
		sum = (sum ^ byte[0]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[1]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[2]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[3]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[4]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[5]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[6]) * CHECKSUM_PRIME;
		sum = (sum ^ byte[7]) * CHECKSUM_PRIME;
	}
	for (; size > 0; size--)
		sum = (sum ^ *byte++) * CHECKSUM_PRIME;
	return sum;
}

#endif
