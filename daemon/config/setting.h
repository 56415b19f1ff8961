/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of plugins, from text to the values that <mptcpd/plugin.h> promises.
 */
#ifndef DAEMON_SETTING_H
#define DAEMON_SETTING_H

#include <mptcpd/plugin.h>

/* The most bytes of one word of a list, of a setting's default, and of its help. */
#define SETTING_TEXT_MAX 255

/*
 * Read a setting's value: 0, or -EINVAL and what was expected (a phrase), for l_free(). Strings of
 * the value point into `text`; what else it holds is let go by setting_value_done().
 */
int setting_parse(const struct mptcpd_setting *setting, const char *text,
		  struct mptcpd_value *ret_value, char **ret_expected);
void setting_value_done(struct mptcpd_value *value);

/* May no setting be called so, because a group has such keys itself? */
bool setting_is_reserved(const char *name);
/* NULL: it makes sense; else what does not, as in "its setting 'x' …", for l_free(). */
char *setting_distrust(const struct mptcpd_setting *setting);

#endif
