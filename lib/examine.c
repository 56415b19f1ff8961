/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings for who looks for faults. */
#include "client-private.h"

MPTCPCTL_EXPORT int
mptcpctl_examine_links(struct mptcpctl *ctl,
		       int (*on_path)(void *data, const struct mptcpctl_path *path), void *data)
{
	struct listing listing = {ctl, "ExamineLinks", WIRE_EXPLAIN_PATH, &schema_path,
				  .is_paged = true};
	struct mptcpctl_path path;

	while (list_next(&listing, &path))
		listing.result = on_path(data, &path);
	return listing.result;
}

MPTCPCTL_EXPORT int
mptcpctl_list_listeners(struct mptcpctl *ctl,
			int (*on_listener)(void *data, const struct mptcpctl_listener *listener),
			void *data)
{
	struct listing listing = {ctl, "ListListeners", WIRE_LISTENER, &schema_listener,
				  .is_paged = true};
	struct mptcpctl_listener listener;

	while (list_next(&listing, &listener))
		listing.result = on_listener(data, &listener);
	return listing.result;
}
