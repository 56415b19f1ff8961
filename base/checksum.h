/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 64 bits that change with every byte (FNV-1a), against accidents and not against people. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_START 0xcbf29ce484222325U

/* Goes on from `sum`: what came before, or CHECKSUM_START. */
static inline uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size)
{
	const uint8_t *byte = (const uint8_t *)bytes;

	while (size-- > 0)
		sum = (sum ^ *byte++) * 0x100000001b3U;
	return sum;
}

#endif
