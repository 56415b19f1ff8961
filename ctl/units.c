/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "units.h"

#include <stddef.h>
#include <string.h>

char *units_digits(char *at, uint64_t number)
{
	char digits[20], *first = digits + sizeof(digits);
	size_t n;

	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	n = (size_t)(digits + sizeof(digits) - first);
	memcpy(at, first, n);
	at[n] = '\0';
	return at + n;
}

/* "12 min" */
static char *put(char *at, uint64_t number, const char *unit)
{
	return stpcpy(units_digits(at, number), unit);
}

/* Three digits of `number`, which is in thousandths of `unit`: "1.25", "12.5", "125". */
static const char *three_digits(uint64_t number, const char *unit, char text[static UNITS_SIZE])
{
	char *at = text;

	if (number >= 99950) {
		put(text, (number + 500) / 1000, unit);
		return text;
	}
	number += number < 9995 ? 5 : 50;
	at = units_digits(at, number / 1000);
	*at++ = '.';
	*at++ = (char)('0' + number % 1000 / 100);
	if (number < 10000)
		*at++ = (char)('0' + number % 100 / 10);
	strcpy(at, unit);
	return text;
}

static const char *scale(uint64_t number, const char *const units[static 7],
			 char text[static UNITS_SIZE])
{
	size_t unit;

	if (number < 1000) {
		put(text, number, units[0]);
		return text;
	}
	/* Down to thousandths of the next unit, which are to be shown below 999.5 */
	for (unit = 1; number >= 999500 && unit < 6; unit++)
		number = number / 1000 + (number % 1000 >= 500);
	return three_digits(number, units[unit], text);
}

const char *units_bytes(uint64_t bytes, char text[static UNITS_SIZE])
{
	static const char *const units[] = {" B", " kB", " MB", " GB", " TB", " PB", " EB"};

	return scale(bytes, units, text);
}

const char *units_rate(uint64_t bytes_per_s, char text[static UNITS_SIZE])
{
	static const char *const units[] = {" B/s",  " kB/s", " MB/s", " GB/s",
					    " TB/s", " PB/s", " EB/s"};

	return scale(bytes_per_s, units, text);
}

const char *units_time(uint64_t ms, char text[static UNITS_SIZE])
{
	uint64_t s = ms / 1000;

	if (s < 1)
		put(text, ms, " ms");
	else if (s < 60)
		put(text, s, " s");
	else if (s < 3600)
		put(text, s / 60, " min");
	else if (s < 86400)
		put(put(text, s / 3600, " h "), s / 60 % 60, " min");
	else
		put(put(text, s / 86400, " d "), s / 3600 % 24, " h");
	return text;
}

const char *units_delay(uint32_t us, char text[static UNITS_SIZE])
{
	return us < 999500 ? three_digits(us, " ms", text)
			   : three_digits(((uint64_t)us + 500) / 1000, " s", text);
}

const char *units_share(uint32_t millionths, char text[static UNITS_SIZE])
{
	if (millionths && millionths < 5000)
		strcpy(text, "<1%");
	else
		put(text, (millionths + 5000) / 10000, "%");
	return text;
}
