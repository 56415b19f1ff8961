/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit-name.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LETTERS                                                                                    \
	"abcdefghijklmnopqrstuvwxyz"                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                               \
	"0123456789:-_.\\@"

static const char *const types[] = {
	[UNIT_SERVICE] = ".service",
	[UNIT_SOCKET] = ".socket",
};
/* Of which there is nothing to do here. */
static const char *const others[] = {".automount", ".device", ".mount",	 ".path", ".scope",
				     ".slice",	   ".swap",   ".target", ".timer"};

static bool is_one_of(const char *suffix, const char *const *list, size_t n, size_t *ret_i)
{
	for (size_t i = 0; suffix && i < n; i++)
		if (strcmp(suffix, list[i]) == 0) {
			*ret_i = i;
			return true;
		}
	return false;
}

int unit_name_complete(const char *text, char ret_name[static UNIT_NAME_SIZE],
		       enum unit_type *ret_type)
{
	size_t length = strlen(text), i = UNIT_SERVICE;
	const char *suffix = strrchr(text, '.');

	/* With an empty name, or an instance of no template. */
	if (length == 0 || text[strspn(text, LETTERS)] || *text == '@' || suffix == text)
		return -EINVAL;
	if (is_one_of(suffix, others, sizeof(others) / sizeof(*others), &i))
		return -EOPNOTSUPP;
	if (is_one_of(suffix, types, sizeof(types) / sizeof(*types), &i))
		suffix = "";
	else
		suffix = types[i];
	if (length + strlen(suffix) >= UNIT_NAME_SIZE)
		return -EINVAL;
	memcpy(ret_name, text, length);
	memcpy(ret_name + length, suffix, strlen(suffix) + 1);
	*ret_type = (enum unit_type)i;
	return 0;
}

bool unit_name_is_template(const char *name)
{
	const char *at = strchr(name, '@'), *suffix = strrchr(name, '.');

	return at && suffix == at + 1;
}
