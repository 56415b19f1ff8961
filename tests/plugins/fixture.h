/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the test plugins (fixture.c) hand out as their data, and count in the environment.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <mptcpd/plugin.h>

/* Environment variables that grow by one letter a call. */
#define FIXTURE_STARTS "MPTCPD_FIXTURE_STARTS"
#define FIXTURE_STOPS "MPTCPD_FIXTURE_STOPS"

/* The numbers that start() finds fault with: with the number, and with all at once. */
#define FIXTURE_BAD_NUMBER 6
#define FIXTURE_BAD_ALL 5

enum {
	FIXTURE_NUMBER,
	FIXTURE_BOOL,
	FIXTURE_DURATION,
	FIXTURE_SIZE,
	FIXTURE_STRING,
	FIXTURE_ADDRESS,
	FIXTURE_PREFIX,
	FIXTURE_PORTS,
	FIXTURE_WORDS,
	FIXTURE_COLOURS,
	FIXTURE_CHOICE,
	FIXTURE_SETTINGS,
};

struct fixture {
	struct mptcpd_value values[FIXTURE_SETTINGS];
};

#endif
