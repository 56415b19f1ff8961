/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a caller hands over, written into a call: D-Bus takes not all that C does. */
#include "client-private.h"

#include <errno.h>

void argument_append(struct mptcpctl *ctl, struct writer *writer, const char *text)
{
	bool was_good = writer->error >= 0;

	writer_append(writer, "s", text ? text : "");
	if (was_good && writer->error == -EINVAL)
		handle_fail(ctl, -EINVAL, "\"%s\" is no UTF-8, and mptcpd takes no other text",
			    text);
}

void argument_append_option(struct mptcpctl *ctl, struct writer *writer, const char *key,
			    const char *text)
{
	writer_open_extra(writer, key, "s");
	argument_append(ctl, writer, text);
	writer_close_extra(writer);
}

void argument_append_addr(struct mptcpctl *ctl, struct writer *writer,
			  const struct mptcpctl_addr *addr)
{
	writer_open(writer, 'r', "sq");
	argument_append(ctl, writer, addr ? addr->address : NULL);
	writer_append(writer, "q", addr ? addr->port : 0);
	writer_close(writer);
}
