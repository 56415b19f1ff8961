/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was found: kept until all is known, and printed. */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "print.h"
#include "screen.h"

#define INDENT 9
#define REMEDY "         remedy: "

static const struct {
	const char *name, *colour, *many;
} severities[N_SEVERITIES] = {
	[SEVERITY_OK] = {"ok", "\033[32m", "ok"},
	[SEVERITY_NOTE] = {"note", NULL, "notes"},
	[SEVERITY_WARNING] = {"warning", "\033[33m", "warnings"},
	[SEVERITY_FAULT] = {"fault", "\033[31m", "faults"},
};

void doctor_find(struct doctor *doctor, enum severity severity, const char *reason,
		 const char *format, ...)
{
	struct finding *finding;
	va_list args;

	doctor->findings =
		reallocarray(doctor->findings, doctor->n_findings + 1, sizeof(*doctor->findings));
	if (!doctor->findings)
		abort();
	finding = &doctor->findings[doctor->n_findings++];
	va_start(args, format);
	*finding = (struct finding){severity, strdup(reason), print_format(format, args), NULL};
	va_end(args);
	if (!finding->reason)
		abort();
}

/* How this mptcpd is spoken to: " --socket PATH", " -N NAME", or "". */
static void name_mptcpd(const struct doctor *doctor, char text[static DOCTOR_PREFIX_SIZE])
{
	const struct ctl *ctl = doctor->ctl;
	char quoted[SHELL_WORD_SIZE];

	*text = '\0';
	if (ctl->instance)
		snprintf(text, DOCTOR_PREFIX_SIZE, " -N %s", shell_quote(ctl->instance, quoted));
	else if (ctl->socket && doctor->is_running)
		snprintf(text, DOCTOR_PREFIX_SIZE, " --socket %s",
			 shell_quote(ctl->socket, quoted));
}

/* Does the command look at, or change, the network namespace that it runs in? */
static bool is_of_namespace(const char *command)
{
	static const char *const programs[] = {"ip ",	"sysctl ", "nft ",    "nstat ",
					       "ping ", "xargs ",  "mptcpd ", "mptcpize run "};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (strncmp(command, programs[i], strlen(programs[i])) == 0)
			return true;
	return false;
}

/* Where it calls mptcpctl, or NULL. What it names, a link or a program, may be called so as well. */
static const char *find_mptcpctl(const char *command)
{
	static const char program[] = "mptcpctl ", last[] = " && mptcpctl reload", sudo[] = "sudo ";
	size_t length = strlen(command);

	if (length >= strlen(last) && strcmp(command + length - strlen(last), last) == 0)
		return command + length - strlen("mptcpctl reload");
	if (strncmp(command, sudo, strlen(sudo)) == 0)
		command += strlen(sudo);
	return strncmp(command, program, strlen(program)) == 0 ? command : NULL;
}

const char *doctor_namespace(const struct doctor *doctor, char text[static DOCTOR_PREFIX_SIZE])
{
	char quoted[SHELL_WORD_SIZE];

	*text = '\0';
	if (doctor->ctl->instance)
		snprintf(text, DOCTOR_PREFIX_SIZE, "ip netns exec %s ",
			 shell_quote(doctor->ctl->instance, quoted));
	return text;
}

/* The command as it is to be typed for this mptcpd and its network namespace. */
static char *place(const struct doctor *doctor, const char *command)
{
	const char *at = find_mptcpctl(command);
	char text[DOCTOR_PREFIX_SIZE], *placed;
	size_t before = at ? (size_t)(at - command) + strlen("mptcpctl") : 0;

	*text = '\0';
	if (at)
		name_mptcpd(doctor, text);
	else if (is_of_namespace(command))
		doctor_namespace(doctor, text);
	if (asprintf(&placed, "%.*s%s%s", (int)before, command, text, command + before) < 0)
		abort();
	return placed;
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	struct finding *last = &doctor->findings[doctor->n_findings - 1];
	char *command;
	va_list args;

	va_start(args, format);
	command = print_format(format, args);
	va_end(args);
	free(last->remedy);
	last->remedy = place(doctor, command);
	free(command);
}

const char *doctor_directory(const struct doctor *doctor, char text[static DOCTOR_DIRECTORY_SIZE])
{
	const char *instance = doctor->ctl->instance;

	snprintf(text, DOCTOR_DIRECTORY_SIZE, "mptcpd%s%s", instance ? "/" : "",
		 instance ? instance : "");
	return text;
}

/* A file of its own, named by what it sets: it replaces the same keys of earlier files, and no others. */
void doctor_remedy_core(struct doctor *doctor, const char *key, const char *value)
{
	char directory[DOCTOR_DIRECTORY_SIZE], path[DOCTOR_DIRECTORY_SIZE + 32],
		quoted[SHELL_WORD_SIZE];

	if (!doctor->reads_drop_ins) {
		doctor_remedy(doctor, "%s = %s in [core]", key, value);
		return;
	}
	snprintf(path, sizeof(path), "/etc/%s/mptcpd.conf.d", doctor_directory(doctor, directory));
	shell_quote(path, quoted);
	doctor_remedy(doctor, "mkdir -p %s && printf '[core]\\n%s=%s\\n' >%s/%s.conf%s", quoted,
		      key, value, quoted, key, doctor->is_running ? " && mptcpctl reload" : "");
}

bool doctor_has(const struct doctor *doctor, enum severity severity)
{
	for (size_t i = 0; i < doctor->n_findings; i++)
		if (doctor->findings[i].severity >= severity)
			return true;
	return false;
}

bool doctor_found(const struct doctor *doctor, const char *reason)
{
	for (size_t i = 0; i < doctor->n_findings; i++)
		if (doctor->findings[i].severity > SEVERITY_OK &&
		    strcmp(doctor->findings[i].reason, reason) == 0)
			return true;
	return false;
}

void doctor_done(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_findings; i++) {
		free(doctor->findings[i].reason);
		free(doctor->findings[i].text);
		free(doctor->findings[i].remedy);
	}
	for (size_t i = 0; i < doctor->n_addresses; i++) {
		free(doctor->addresses[i].interface);
		free(doctor->addresses[i].address);
	}
	free(doctor->findings);
	free(doctor->addresses);
	free(doctor->wanted_path_manager);
}

const char *doctor_sysctl_name(const char *interface, char text[static SHELL_WORD_SIZE])
{
	char name[64];

	snprintf(name, sizeof(name), "%s", interface);
	for (char *at = name; *at; at++)
		if (*at == '.')
			*at = '/';
	return shell_quote(name, text);
}

/* ---- printing ---- */

struct told {
	const char *severity, *reason, *text, *remedy;
};

#define AT(name)                                                                                   \
	{                                                                                          \
		offsetof(struct told, name), sizeof(const char *)                                  \
	}
static const struct field fields[] = {
	{"severity", FIELD_NAME, AT(severity)},
	{"reason", FIELD_NAME, AT(reason)},
	{"text", FIELD_NAME, AT(text)},
	{"remedy", FIELD_TEXT, AT(remedy), .known = AT(remedy)},
	{NULL},
};
#undef AT
static const struct record schema_finding = {NULL, sizeof(struct told), fields};

static void print_all_json(const struct doctor *doctor)
{
	ctl_begin_array(doctor->ctl, "findings");
	for (size_t i = 0; i < doctor->n_findings; i++) {
		const struct finding *finding = &doctor->findings[i];
		const struct told told = {severities[finding->severity].name, finding->reason,
					  finding->text, finding->remedy};

		json_record(&schema_finding, &told);
		ctl_print_item(doctor->ctl);
	}
	ctl_end_array(doctor->ctl, 0);
}

/* How many bytes of a command fit into so many columns, up to a blank between two words of it. */
static size_t fit_command(const char *command, size_t columns)
{
	size_t room = screen_fit(command, columns), end = 0;
	bool is_quoted = false;

	for (size_t i = 0; command[i]; i++) {
		if (command[i] == '\'')
			is_quoted = !is_quoted;
		if (is_quoted)
			continue;
		if (command[i] == '\\' && command[i + 1]) {
			i++;
		} else if (command[i] == ' ') {
			if (end && i > room)
				break;
			end = i;
		}
	}
	return end ? end : strlen(command);
}

/* A command that is longer than a line goes on behind a backslash, so that it can be copied. */
static void print_command(const char *command)
{
	size_t width = screen_width(), used = strlen(REMEDY);

	print(REMEDY);
	for (;;) {
		size_t room = width > used + 2 ? width - used : SIZE_MAX, n = strlen(command);

		if (screen_span(command) > room)
			n = fit_command(command, room - 2);
		print("%.*s", (int)n, command);
		command += n + strspn(command + n, " ");
		print_line("%s", *command ? " \\" : "");
		if (!*command)
			return;
		used = INDENT + 2;
		print("%*s", (int)used, "");
	}
}

static void print_finding(const struct doctor *doctor, const struct finding *finding)
{
	const char *name = severities[finding->severity].name;

	print_coloured(doctor->ctl->colour ? severities[finding->severity].colour : NULL, name);
	print("%*s", (int)(INDENT - strlen(name)), "");
	screen_wrap_from(INDENT, INDENT, finding->text);
	if (finding->remedy)
		print_command(finding->remedy);
}

/* "1 fault, 2 warnings, 3 notes" */
static void print_sum(const struct doctor *doctor)
{
	size_t n[N_SEVERITIES] = {0};
	const char *comma = "";

	for (size_t i = 0; i < doctor->n_findings; i++)
		n[doctor->findings[i].severity]++;
	if (n[SEVERITY_FAULT] + n[SEVERITY_WARNING] == 0)
		print("no fault");
	else
		for (int i = SEVERITY_FAULT; i >= SEVERITY_WARNING; i--) {
			if (n[i] == 0)
				continue;
			print("%s%zu %s", comma, n[i],
			      n[i] == 1 ? severities[i].name : severities[i].many);
			comma = ", ";
		}
	print_end();
}

void doctor_print(const struct doctor *doctor)
{
	if (doctor->ctl->json) {
		print_all_json(doctor);
		return;
	}
	for (size_t i = 0; i < doctor->n_findings; i++)
		print_finding(doctor, &doctor->findings[i]);
	print_sum(doctor);
}
