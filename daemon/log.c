/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <ell/ell.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "clean.h"

/* The message without its newline. The caller frees it. */
__attribute__((format(printf, 1, 0))) static char *word(const char *format, va_list arguments)
{
	char message[2048];
	size_t length;

	vsnprintf(message, sizeof(message), format, arguments);
	length = strlen(message);
	if (length && message[length - 1] == '\n')
		message[length - 1] = '\0';
	return clean_text(message);
}

void log_to_stderr(int priority, const char *file, const char *line, const char *function,
		   const char *format, va_list arguments)
{
	char *message = word(format, arguments);

	fprintf(stderr, "%s\n", message);
	free(message);
}

void log_to_stream(int priority, const char *file, const char *line, const char *function,
		   const char *format, va_list arguments)
{
	char *message = word(format, arguments);

	fprintf(stderr, "<%d>%s\n", priority, message);
	free(message);
}

void log_to_journal(int priority, const char *file, const char *line, const char *function,
		    const char *format, va_list arguments)
{
	char *message = word(format, arguments);

	sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", priority, "SYSLOG_IDENTIFIER=mptcpd",
			NULL);
	free(message);
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
