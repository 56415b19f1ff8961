/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and addresses as bytes of this machine, and back; what is read is not trusted. */
#ifndef STATE_BYTES_H
#define STATE_BYTES_H

#include <mptcpd/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* ---- writing ---- */

struct writer {
	uint8_t *at, *end;
};

/* Room is never short: the most of everything fits into the buffers, and memory is asked for. */
static inline void put(struct writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->at, bytes, size);
	writer->at += size;
}

static inline void put_u8(struct writer *writer, unsigned int value)
{
	*writer->at++ = (uint8_t)value;
}

static inline void put_u16(struct writer *writer, unsigned int value)
{
	uint16_t u16 = (uint16_t)value;

	put(writer, &u16, sizeof(u16));
}

static inline void put_u32(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static inline void put_addr(struct writer *writer, const struct mptcpd_addr *addr)
{
	put_u8(writer, addr->family == AF_INET6 ? 6 : 4);
	put(writer, addr->ip, addr->family == AF_INET6 ? 16 : 4);
	put_u16(writer, addr->port);
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	bool bad; /* something was missing, or not what it can be; what was read then is 0 */
};

static inline void take(struct reader *reader, void *bytes, size_t size)
{
	reader->bad |= (size_t)(reader->end - reader->at) < size;
	if (reader->bad) {
		memset(bytes, 0, size);
		return;
	}
	memcpy(bytes, reader->at, size);
	reader->at += size;
}

/* A number up to `max`. */
static inline uint8_t take_u8(struct reader *reader, unsigned int max)
{
	uint8_t value;

	take(reader, &value, sizeof(value));
	reader->bad |= value > max;
	return value;
}

static inline uint16_t take_u16(struct reader *reader, unsigned int max)
{
	uint16_t value;

	take(reader, &value, sizeof(value));
	reader->bad |= value > max;
	return value;
}

static inline uint32_t take_u32(struct reader *reader)
{
	uint32_t value;

	take(reader, &value, sizeof(value));
	return value;
}

static inline struct mptcpd_addr take_addr(struct reader *reader)
{
	struct mptcpd_addr addr = {0};
	uint8_t version = take_u8(reader, 6);

	reader->bad |= version != 4 && version != 6;
	addr.family = version == 6 ? AF_INET6 : AF_INET;
	take(reader, addr.ip, version == 6 ? 16 : 4);
	addr.port = take_u16(reader, UINT16_MAX);
	return addr;
}

#endif
