/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers for people: at most three digits, and a unit. There are many in a long listing, so nothing
 * here goes by printf().
 */
#ifndef CTL_UNITS_H
#define CTL_UNITS_H

#include <stdint.h>

#define UNITS_SIZE 24

/* Write the digits of a number, and a NUL. Returns its place. 20 digits are the most. */
char *units_digits(char *at, uint64_t number);

/* "0 B", "1.2 kB", "34 MB": powers of 1000. Returns `text`, as all of these do. */
const char *units_bytes(uint64_t bytes, char text[static UNITS_SIZE]);
/* "1.2 MB/s" */
const char *units_rate(uint64_t bytes_per_s, char text[static UNITS_SIZE]);
/* "850 ms", "12 s", "3 min", "2 h 5 min", "3 d 4 h" */
const char *units_time(uint64_t ms, char text[static UNITS_SIZE]);
/* "0.85 ms", "12.3 ms", "340 ms", "1.25 s" */
const char *units_delay(uint32_t us, char text[static UNITS_SIZE]);
/* "62%"; one of a million: "<1%" */
const char *units_share(uint32_t millionths, char text[static UNITS_SIZE]);

#endif
