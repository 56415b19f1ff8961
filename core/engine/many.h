/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a change of the host all connections are gone through, and each may need a subflow: a link that
 * ten thousand of them had is back. These are asked for without waiting. What is refused is as if it had
 * never been asked for, and its connection is looked at again in the usual way, which finds out why.
 * What closes subflows is not given so: it depends on how the withdrawal before it went.
 */
#ifndef CORE_MANY_H
#define CORE_MANY_H

#include "model.h"
#include "ops.h"

/* As many as are under way until somebody asks how it went. */
#define MANY_ASKED 64

struct many {
	bool is_on; /* a walk is under way */
	size_t n;
	struct many_asked {
		uint32_t token;
		int number;
		bool local_removed; /* of the connection, before */
		struct subflow_request request;
	} asked[MANY_ASKED];
};

#endif
