/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of the configuration, from text: one function a type. Pure. All return 0 or -EINVAL
 * (-ERANGE where said), and touch their output on success only.
 */
#ifndef DAEMON_VALUE_H
#define DAEMON_VALUE_H

#include <mptcpd/types.h>

/* yes, no, true, false, on, off, 1, 0 */
int value_bool(const char *text, bool *ret);
/* Decimal digits and nothing else. -ERANGE: more than 64 bits. */
int value_number(const char *text, uint64_t *ret);
/* The longest duration: longer than any host lives, and in nanoseconds still a number of 63 bits. */
#define VALUE_DURATION_MAX "1000000h"
#define VALUE_DURATION_MAX_MS (1000000 * UINT64_C(3600000))
/* "1.5s" is not a duration, "1500ms", "90", "90s", "2 min", "1h" are. -ERANGE: longer than that. */
int value_duration(const char *text, uint64_t *ret_ms);
/* "4096", "64K", "2 M", "1G"; units of 1024. -ERANGE: more than 64 bits. */
int value_size(const char *text, uint64_t *ret_bytes);
/* "N" or "N-M", from 1 to 65535. */
int value_ports(const char *text, uint16_t *ret_min, uint16_t *ret_max);

/*
 * The next word of a list that is separated by commas and white space, from *cursor on, which is
 * moved behind it. NULL: there is none. The word is *ret_size bytes and not terminated.
 */
const char *value_next_word(const char **cursor, size_t *ret_size);

#endif
