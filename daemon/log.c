/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <ell/ell.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "clean.h"

#define FIELD_SIZE 256

static enum log_place log_place = LOG_PLACE_STDERR;

/*
 * The descriptor of the journal's socket, which libsystemd opens at the first message and keeps. Until
 * then a place is held for it: that there is no descriptor left has to be told as well.
 */
static int held_fd = -1;
static bool journal_is_open;

static void hold_place(void)
{
	if (!journal_is_open && held_fd < 0)
		held_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static void give_place(void)
{
	if (held_fd >= 0)
		close(held_fd);
	held_fd = -1;
	journal_is_open = true;
}

/* A message as a datagram of the journal's, field by field. */
struct entry {
	struct iovec fields[7];
	char texts[7][FIELD_SIZE];
	int n_fields;
};

__attribute__((format(printf, 2, 3))) static void add(struct entry *entry, const char *format, ...)
{
	char *text = entry->texts[entry->n_fields];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, FIELD_SIZE, format, arguments);
	va_end(arguments);
	entry->fields[entry->n_fields++] = (struct iovec){text, strlen(text)};
}

static void send_entry(int priority, const struct log_about *about, const char *message)
{
	struct entry entry = {.n_fields = 0};
	char *line = l_strdup_printf("MESSAGE=%s", message);

	entry.fields[entry.n_fields++] = (struct iovec){line, strlen(line)};
	add(&entry, "PRIORITY=%d", priority);
	add(&entry, "SYSLOG_IDENTIFIER=mptcpd");
	if (about->id)
		add(&entry, "MESSAGE_ID=%s", about->id);
	if (about->interface && *about->interface)
		add(&entry, "INTERFACE=%s", about->interface);
	if (about->policy)
		add(&entry, "MPTCP_POLICY=%s", about->policy);
	if (about->token)
		add(&entry, "MPTCP_TOKEN=%x", about->token);
	give_place();
	sd_journal_sendv(entry.fields, entry.n_fields);
	l_free(line);
}

__attribute__((format(printf, 3, 0))) static void put(int priority, const struct log_about *about,
						      const char *format, va_list arguments)
{
	static const struct log_about nothing;
	char text[2048], *message;
	size_t length;

	vsnprintf(text, sizeof(text), format, arguments);
	length = strlen(text);
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	message = clean_text(text);
	/* What is about something is no reason why a start fails. */
	if (log_place == LOG_PLACE_JOURNAL || (log_place == LOG_PLACE_STREAM && about))
		send_entry(priority, about ? about : &nothing, message);
	else if (log_place == LOG_PLACE_STREAM)
		fprintf(stderr, "<%d>%s\n", priority, message);
	else
		fprintf(stderr, "%s\n", message);
	free(message);
}

__attribute__((format(printf, 5, 0))) static void on_log(int priority, const char *file,
							 const char *line, const char *function,
							 const char *format, va_list arguments)
{
	put(priority, NULL, format, arguments);
}

void log_to(enum log_place place)
{
	log_place = place;
	if (place == LOG_PLACE_JOURNAL)
		hold_place();
	l_log_set_handler(on_log);
}

void log_about(int priority, const struct log_about *about, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put(priority, about, format, arguments);
	va_end(arguments);
}

void log_lines(const char *text, bool is_error)
{
	while (text && *text) {
		int length = (int)strcspn(text, "\n");

		if (is_error)
			l_error("%.*s", length, text);
		else
			l_warn("%.*s", length, text);
		text += length + (text[length] == '\n');
	}
}
