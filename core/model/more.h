/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What few connections have, and so is not in each: made when it is first set. For the model alone. */
#ifndef CORE_MORE_H
#define CORE_MORE_H

#include "model.h"

/* It has none of all that. */
void more_init(struct connection *connection);
/* Something was taken away: free it, if that was all. */
void more_shed(struct connection *connection);
/* Free it. */
void more_done(struct connection *connection);

#endif
