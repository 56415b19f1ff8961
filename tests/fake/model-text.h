/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of the model as text, for tests that compare two of them. */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include "model.h"

/* All that a policy or a person could tell apart, in an order of its own. To be freed. */
char *model_text(const struct connection *connection);

#endif
