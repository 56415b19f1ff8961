/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log, that of ell too: where it goes, and in what form. Nothing in it can steer a terminal. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_place {
	/* A line of text on stderr. */
	LOG_PLACE_STDERR,
	/*
	 * The same with the priority in front, while starting. Of a process that has ended meanwhile
	 * the journal's native protocol could not tell which service it was, and the reason why a
	 * start failed would be missing there.
	 */
	LOG_PLACE_STREAM,
	/* The journal's native protocol; ell's own writer leaves out who speaks. */
	LOG_PLACE_JOURNAL,
};

/* Until it is called again. */
void log_to(enum log_place place);

/* What a message is about, for who looks for it in the journal. NULL, 0: nothing of the kind. */
struct log_about {
	const char *id; /* of messages.h */
	const char *interface, *policy;
	uint32_t token;
};

/*
 * Log a message with fields MESSAGE_ID=, INTERFACE=, MPTCP_POLICY= and MPTCP_TOKEN=, where the place
 * has such. `priority` is one of L_LOG_….
 */
__attribute__((format(printf, 3, 4))) void log_about(int priority, const struct log_about *about,
						     const char *format, ...);

/* Log a text of several lines. */
void log_lines(const char *text, bool is_error);

#endif
