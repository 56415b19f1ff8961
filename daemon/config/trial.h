/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trying a configuration: a child process loads it, starts its plugins and stops them. What they do
 * to it, they do not do to us. It has a limited time and a limited amount of memory.
 */
#ifndef DAEMON_TRIAL_H
#define DAEMON_TRIAL_H

#include "config.h"

enum trial_outcome {
	TRIAL_GOOD,
	TRIAL_BAD, /* it has faults */
	TRIAL_DIED, /* the child did, or did not come to an end */
};

struct trial {
	enum trial_outcome outcome;
	struct guard_call call; /* DIED: the plugin it was calling; id 0: none */
	char *text; /* warnings or faults, one a line; for l_free() */
};

/* How long it may take. */
#define TRIAL_MS 5000

/*
 * Blocks until the outcome is there. Plugins that are set aside in setup->guard are left out; nothing
 * is marked there. 0, or -errno: no child could be made.
 */
int trial_run(const struct config_setup *setup, struct trial *ret_trial);

#endif
