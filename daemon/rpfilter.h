/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict reverse-path filtering (net.ipv4.conf.*.rp_filter = 1) drops what arrives on a link that
 * is not the best way back, which is every second link. Says so, once for each interface in use;
 * and where the configuration has `rp-filter = loose`, loosens it meanwhile and puts it back.
 *
 * What was changed is written down in the runtime directory first, so that it is put back even if
 * this process ends without a word.
 */
#ifndef DAEMON_RPFILTER_H
#define DAEMON_RPFILTER_H

#include "model.h"

struct rpfilter;

/* Takes over what an earlier process wrote down in that directory. */
struct rpfilter *rpfilter_new(const char *runtime_directory);
/* Put all back as it was. NULL is fine. Returns how many interfaces that were. */
size_t rpfilter_free(struct rpfilter *rpfilter);
/* The interfaces have changed, or the rules about them. Returns whether a setting was changed. */
bool rpfilter_update(struct rpfilter *rpfilter, const struct model *model);
/* Does strict filtering on this interface cost packets? With one link there is but one way back. */
bool rpfilter_harms(const struct model *model, const struct interface *interface);

#endif
