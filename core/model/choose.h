/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The choice among the addresses of one link. IPv6 makes addresses by itself, temporary ones to
 * hide the stable ones from peers; of both kinds the one is used that the kernel itself would take
 * for a new connection, unless the rules lift that. A connection keeps to what it began on: peers
 * of a temporary address are not shown the stable ones of its link.
 */
#ifndef CORE_CHOOSE_H
#define CORE_CHOOSE_H

#include "model.h"

/*
 * Set the usability of the interface's addresses from what each is judged to be by itself. Returns
 * whether that changed any.
 */
bool choose_addresses(struct model *model, const struct interface *interface);
/* The address counted as `before`, and counts as `now` from here on. */
void choose_count(struct model *model, const struct local *local, enum usability before,
		  enum usability now);
/* Is the address usable for this connection? NULL: for any that is yet to begin. */
enum usability choose_for(const struct connection *connection, const struct local *local);
/* May that differ from what it is for others? */
bool choose_is_special(const struct model *model, const struct connection *connection);
/* Is it what the kernel would take, of the usable addresses of its link and family? */
bool choose_is_preferred(const struct local *local);

#endif
