/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF, where mptcpize was built without. */
#include "backend.h"
#include "cli.h"

static const char *unfit(const struct program *program)
{
	return "would need a mptcpize that was built with libbpf";
}

static int start(const struct program *program, const struct keepalive *keepalive)
{
	return cli_fail("bpf: not built");
}

const struct backend bpf_backend = {"bpf", unfit, start};
