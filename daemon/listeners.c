/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets of this network namespace listen, whoever they belong to. */
#include "daemon.h"

#include <stdlib.h>

#include "sockets.h"

int daemon_tell_listeners(void *data, bus_listener_func each, void *each_data)
{
	struct sockets_entry *list;
	size_t n;
	int r = sockets_list_listening(&list, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		each(each_data, &(struct bus_listener){.local = list[i].local,
						       .inode = list[i].inode,
						       .is_mptcp = list[i].speech != SOCKETS_TCP});
	free(list);
	return 0;
}
