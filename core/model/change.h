/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill in which connection, or which subflow of it, a change is about. */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include "model.h"

void connection_describe(const struct connection *connection, struct change *change);
void subflow_describe(const struct connection *connection, const struct subflow *subflow,
		      struct change *change);

#endif
