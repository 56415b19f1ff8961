/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What errors mean here. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "private.h"

MPTCP_EXPORT const char *mptcp_error_text(int error)
{
	unsigned int value = error < 0 ? 0U - (unsigned int)error : (unsigned int)error;

	switch (value) {
	case 0:
		return "no error";
	case ENOENT:
		return "no such host, or no address of it";
	case ESRCH:
		return "no such service";
	case EAGAIN:
		return "no answer for now";
	case EREMOTEIO:
		return "the name servers cannot answer";
	case EINVAL:
		return "not understood";
	case ENAMETOOLONG:
		return "longer than any name";
	case E2BIG:
		return "options that this version of the library does not know";
	case ETIMEDOUT:
		return "no answer in time";
	case EINPROGRESS:
		return "not yet";
	case ENOTCONN:
		return "not connected";
	case EOPNOTSUPP:
		return "no TCP or MPTCP socket, or the kernel cannot tell";
	case EADDRNOTAVAIL:
		return "not an address of this host, or no free port";
	case ENODEV:
		return "no such interface";
	default:
		break;
	}
	return strerror(value <= INT_MAX ? (int)value : INT_MAX);
}
