/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "writer.h"

#include <stdarg.h>

static void append(struct writer *writer, const char *types, va_list args)
{
	if (writer->error < 0)
		return;
	writer->error = writer->pack ? pack_append(writer->pack, types, args)
				     : sd_bus_message_appendv(writer->m, types, args);
}

void writer_append(struct writer *writer, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	append(writer, types, args);
	va_end(args);
}

void writer_open(struct writer *writer, char type, const char *contents)
{
	if (writer->error < 0)
		return;
	writer->error = writer->pack ? pack_open(writer->pack, type, contents)
				     : sd_bus_message_open_container(writer->m, type, contents);
}

void writer_close(struct writer *writer)
{
	if (writer->error < 0)
		return;
	writer->error =
		writer->pack ? pack_close(writer->pack) : sd_bus_message_close_container(writer->m);
}

void writer_open_extra(struct writer *writer, const char *key, const char *type)
{
	writer_open(writer, 'e', "sv");
	writer_append(writer, "s", key);
	writer_open(writer, 'v', type);
}

void writer_close_extra(struct writer *writer)
{
	writer_close(writer);
	writer_close(writer);
}

void writer_extra(struct writer *writer, const char *key, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	if (!writer->pack) {
		writer_open_extra(writer, key, types);
		append(writer, types, args);
		writer_close_extra(writer);
	} else if (writer->error >= 0) {
		writer->error = pack_extra(writer->pack, key, types, args);
	}
	va_end(args);
}

void writer_no_extras(struct writer *writer)
{
	writer_append(writer, "a{sv}", 0);
}
