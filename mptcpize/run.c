/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mptcpize run: a program whose TCP sockets are MPTCP sockets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"
#include "mptcpize.h"
#include "word.h"

/* As env(1), nice(1) and the shell have it; EXIT_OURS is a third one. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

#define AUTO "auto"

/* The first that a program fits is the least invasive one: so "auto" has it. */
static const struct backend *const backends[] = {&preload_backend, &seccomp_backend, &bpf_backend};

#define N_BACKENDS (sizeof(backends) / sizeof(*backends))
/* The last one is for those who ask for it: it takes root, and makes a cgroup. */
#define N_AUTO (N_BACKENDS - 1)

struct options {
	const struct backend *backend; /* NULL: auto */
	bool verbose;
	char *name; /* what the program sees as its own; NULL: how it was asked for */
	struct keepalive keepalive;
};

static int parse_backend(const char *name, const struct backend **ret_backend)
{
	const char *names[N_BACKENDS + 2] = {AUTO}, *nearest;

	*ret_backend = NULL;
	if (strcmp(name, AUTO) == 0)
		return EXIT_DONE;
	for (size_t i = 0; i < N_BACKENDS; i++) {
		if (strcmp(name, backends[i]->name) == 0) {
			*ret_backend = backends[i];
			return EXIT_DONE;
		}
		names[i + 1] = backends[i]->name;
	}
	nearest = word_nearest(name, names);
	if (nearest)
		return cli_usage("unknown backend \"%s\", did you mean \"%s\"?", name, nearest);
	return cli_usage("unknown backend \"%s\", expected auto, preload, seccomp or bpf", name);
}

/* What follows `name` and '=' in `arg`; NULL: it is another option. */
static char *option_value(char *arg, const char *name)
{
	size_t length = strlen(name);

	return strncmp(arg, name, length) == 0 && arg[length] == '=' ? arg + length + 1 : NULL;
}

static int parse_option(char *arg, struct options *options)
{
	static const struct keepalive usual = {60, 10, 3};
	char *value;

	if (strcmp(arg, "--verbose") == 0) {
		options->verbose = true;
		return EXIT_DONE;
	}
	if (strcmp(arg, "--keepalive") == 0) {
		options->keepalive = usual;
		return EXIT_DONE;
	}
	/* What comes behind a space is PROGRAM already. */
	if (strcmp(arg, "--backend") == 0 || strcmp(arg, "--name") == 0)
		return cli_usage("%s has no value, expected %s=VALUE", arg, arg);
	value = option_value(arg, "--backend");
	if (value)
		return parse_backend(value, &options->backend);
	value = option_value(arg, "--name");
	if (value) {
		options->name = value;
		return EXIT_DONE;
	}
	value = option_value(arg, "--keepalive");
	if (!value)
		return cli_usage("unknown option \"%s\", expected --backend, --keepalive, "
				 "--name or --verbose",
				 arg);
	options->keepalive = usual;
	if (!keepalive_parse(value, &options->keepalive))
		return cli_usage("\"%s\" is not IDLE[,INTERVAL[,COUNT]]: seconds up to %d and "
				 "probes up to %d",
				 value, KEEPALIVE_TIME_MAX, KEEPALIVE_COUNT_MAX);
	return EXIT_DONE;
}

static int cannot_execute(const char *name, int error)
{
	cli_fail("cannot execute \"%s\": %s", name, strerror(error));
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* A program that is there is not found if what it needs is not: then that is named. */
static int could_not_execute(const struct program *program, int error)
{
	const char *linker = program->elf.interpreter;

	if (error != ENOENT || access(program->path, F_OK) < 0)
		return cannot_execute(program->path, error);
	cli_fail("cannot execute \"%s\": \"%s\" is missing", program->path,
		 access(program->file, F_OK) < 0 || !*linker ? program->file : linker);
	return EXIT_NOT_EXECUTABLE;
}

static void say_choice(const struct program *program, const char *why,
		       const struct backend *backend)
{
	cli_say("\"%s\" %s: %s", program->file, why, backend->name);
}

/* The one that was asked for, if the program is one for it. Returns an exit code. */
static int start_chosen(const struct options *options, const struct program *program)
{
	const struct backend *backend = options->backend;
	const char *why = backend->unfit(program);

	if (why) {
		cli_fail("--backend=%s is not for \"%s\": it %s", backend->name, program->file,
			 why);
		return EXIT_OURS;
	}
	if (backend->start(program, &options->keepalive) != EXIT_DONE)
		return EXIT_OURS;
	if (options->verbose)
		say_choice(program, "is to have what --backend says", backend);
	return EXIT_DONE;
}

static const struct backend *choose(const struct program *program, const char **ret_why_not)
{
	for (size_t i = 0; i < N_AUTO; i++) {
		const char *why = backends[i]->unfit(program);

		if (!why)
			return backends[i];
		*ret_why_not = why;
	}
	return NULL;
}

/* Why nothing keeps the program from the least invasive one. */
static const char *why_preload(const struct program *program)
{
	return program->kind == PROGRAM_KIND_GO ? "is built with a Go that speaks MPTCP when asked"
						: "is linked with glibc when it starts";
}

/*
 * What fits the program. Where none does, or it does not work here, the program runs with TCP, which
 * is said; but not one that is to get privileges: whoever runs it so is mistaken.
 */
static int start_auto(const struct options *options, const struct program *program)
{
	const char *why_not = NULL;
	const struct backend *backend = choose(program, &why_not);
	int code;

	if (!backend && program->privilege) {
		cli_fail("\"%s\" is %s: run mptcpize with these privileges instead, as in \"sudo "
			 "mptcpize run …\"",
			 program->file, program->privilege);
		return EXIT_OURS;
	}
	if (!backend) {
		cli_say("\"%s\" %s: it runs with TCP", program->file, why_not);
		return EXIT_DONE;
	}
	code = backend->start(program, &options->keepalive);
	if (code == EXIT_OURS)
		return code;
	if (code != EXIT_DONE)
		cli_say("\"%s\" runs with TCP", program->path);
	else if (options->verbose)
		say_choice(program, why_not ? why_not : why_preload(program), backend);
	return EXIT_DONE;
}

/* All the same: whatever the backend does, the kernel has the last word. */
static void say_whether_there_is_any(void)
{
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0)
		cli_say("the kernel makes no MPTCP sockets here, so they are TCP: %s",
			strerror(errno));
	else
		close(fd);
}

static int execute(const struct options *options, char **args)
{
	static struct program program;
	int r = program_find(&program, *args);

	if (r < 0)
		return cannot_execute(*args, -r);
	r = options->backend ? start_chosen(options, &program) : start_auto(options, &program);
	if (r != EXIT_DONE)
		return r;
	if (options->verbose)
		say_whether_there_is_any();
	if (options->name)
		*args = options->name;
	execvp(program.path, args);
	return could_not_execute(&program, errno);
}

static int run(int n_args, char **args)
{
	struct options options = {0};
	int code;

	for (; *args && **args == '-'; args++) {
		if (strcmp(*args, "--") == 0) {
			args++;
			break;
		}
		code = parse_option(*args, &options);
		if (code != EXIT_DONE)
			return code;
	}
	if (!*args)
		return cli_usage("PROGRAM is missing");
	return execute(&options, args);
}

const struct verb run_verb = {
	"run",
	"[--backend=auto|preload|seccomp|bpf] [--keepalive[=IDLE[,INTERVAL[,COUNT]]]] "
	"[--name=NAME] "
	"[--verbose] [--] PROGRAM [ARGUMENT…]",
	"run a program whose TCP sockets are MPTCP sockets",
	"--backend=preload   a library is loaded into the program and wraps socket(); programs in "
	"Go\n"
	"                    are asked to speak MPTCP themselves\n"
	"--backend=seccomp   a process beside the program makes its sockets, whatever it is "
	"written in;\n"
	"                    setuid programs lose their privilege, unless root runs it\n"
	"--backend=bpf       the kernel does it, from Linux 6.6 on, for root; for any program, in "
	"a "
	"cgroup of\n"
	"                    its own\n"
	"--backend=auto      the first of preload and seccomp that works for the program; the "
	"default\n"
	"--keepalive         probe connections that were idle for 60 s each 10 s, and end those "
	"of\n"
	"                    which three probes were not answered\n"
	"--name=NAME         what PROGRAM sees as its own name\n"
	"--verbose           say what is done and why, on standard error\n\n"
	"Where MPTCP cannot be had, sockets are TCP as ever. Exit status: that of PROGRAM; 2 "
	"wrong\n"
	"usage, 125 mptcpize could not do it, 126 PROGRAM cannot be executed, 127 it was not "
	"found.\n",
	run};
