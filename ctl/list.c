/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all listings do, and those of the host. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "argument.h"
#include "json.h"
#include "lone.h"
#include "print.h"
#include "screen.h"
#include "text.h"

/* ---- all listings ---- */

void ctl_begin_array(struct ctl *ctl, const char *name)
{
	ctl->array = name;
	ctl->n_items = ctl->n_found = 0;
}

void ctl_print_item(struct ctl *ctl)
{
	if (ctl->n_items++ == 0)
		print("{\"%s\":[", ctl->array);
	else
		print_text(",");
	print_end();
	json_print();
}

int ctl_end_array_with(struct ctl *ctl, int r, const char *member)
{
	const char *comma = *member ? "," : "";

	grid_end(&ctl->grid);
	if (r < 0)
		return ctl_result(ctl, r);
	if (!ctl->json)
		return EXIT_DONE;
	if (ctl->n_items == 0)
		print("{\"%s\":[", ctl->array);
	else
		print_end();
	print_line("]%s%s}", comma, member);
	return EXIT_DONE;
}

int ctl_end_array(struct ctl *ctl, int r)
{
	return ctl_end_array_with(ctl, r, "");
}

void ctl_begin_grid(struct ctl *ctl, const struct grid_kind *kinds, size_t n_kinds)
{
	if (!ctl->json)
		grid_begin(&ctl->grid, kinds, n_kinds, ctl->headers, ctl->colour);
}

void ctl_say_none(struct ctl *ctl, const char *name)
{
	if (!ctl->n_found && !ctl->json && ctl->terminal)
		cli_say("no %s", name);
}

#define N(columns) (sizeof(columns) / sizeof(*(columns)))

/* ---- endpoints ---- */

static const struct grid_column endpoint_columns[] = {
	{"ID", .is_number = true},
	{"ADDRESS", .may_be_cut = true},
	{"INTERFACE"},
	{"FLAGS"},
	{"OWNER"},
	{"STATE"},
};
static const struct grid_kind endpoint_kind = {endpoint_columns, N(endpoint_columns)};

static void text_endpoint(struct grid *grid, const struct mptcpctl_endpoint *endpoint)
{
	const char *state = endpoint->state ? endpoint->state : "";
	bool is_present = strcmp(state, "present") == 0;
	char text[128];

	grid_row(grid, 0);
	if (endpoint->id)
		grid_cell(grid, TEXT_BOLD, "%u", endpoint->id);
	else
		grid_text(grid, NULL, "");
	grid_text(grid, NULL, text_addr(&endpoint->addr, text));
	grid_text(grid, NULL, endpoint->interface);
	grid_text(grid, NULL, text_join(endpoint->flags, text, sizeof(text)));
	grid_text(grid, NULL, endpoint->owner);
	if (endpoint->text)
		grid_text(grid, TEXT_YELLOW, endpoint->text);
	else
		grid_text(grid, is_present ? TEXT_GREEN : TEXT_YELLOW, state);
}

static int on_endpoint(void *data, const struct mptcpctl_endpoint *endpoint)
{
	struct ctl *ctl = data;

	if (ctl->wanted_id && ctl->wanted_id != endpoint->id)
		return 0;
	if (ctl->json) {
		json_record(&schema_endpoint, endpoint);
		ctl_print_item(ctl);
	} else {
		text_endpoint(&ctl->grid, endpoint);
	}
	ctl->n_found++;
	return 0;
}

/* Read [id N]: the endpoint to list, 0 for all. Returns an exit code. */
static int parse_wanted_id(int n_args, char **args, uint8_t *ret_id)
{
	const char *value;
	int code, i = 0;

	*ret_id = 0;
	if (n_args == 0)
		return EXIT_DONE;
	if (strcmp(args[0], "id") != 0)
		return cli_usage("unexpected \"%s\", expected id N, add, change, delete or flush",
				 args[0]);
	code = argument_value(n_args, args, &i, &value);
	if (code == EXIT_DONE)
		code = argument_id(value, 1, ret_id);
	if (code != EXIT_DONE)
		return code;
	return n_args > 2 ? cli_usage("unexpected \"%s\" after the id", args[2]) : EXIT_DONE;
}

int ctl_endpoint(struct ctl *ctl, int n_args, char **args)
{
	int r, code = parse_wanted_id(n_args, args, &ctl->wanted_id);

	if (code == EXIT_DONE)
		code = lone_connect(ctl, false);
	if (code)
		return code;
	ctl_begin_grid(ctl, &endpoint_kind, 1);
	ctl_begin_array(ctl, "endpoints");
	r = mptcpctl_list_endpoints(ctl->client, on_endpoint, ctl);
	if (r == 0 && ctl->wanted_id && !ctl->n_found)
		return cli_fail("no endpoint with id %u", ctl->wanted_id);
	code = ctl_end_array(ctl, r);
	if (code == EXIT_DONE)
		ctl_say_none(ctl, "endpoints");
	return code;
}

/* ---- limits ---- */

static int on_limits(void *data, const struct mptcpctl_limits *limits)
{
	struct ctl *ctl = data;

	if (ctl->json) {
		json_record(&schema_limits, limits);
		json_print_wrapped("limits");
	} else {
		print_line("subflows %" PRIu32 " add_addr_accepted %" PRIu32, limits->subflows,
			   limits->add_addr_accepted);
	}
	return 0;
}

int ctl_limits(struct ctl *ctl, int n_args, char **args)
{
	int code = n_args ? cli_usage("unexpected \"%s\", expected set", args[0])
			  : lone_connect(ctl, false);

	return code ? code : ctl_result(ctl, mptcpctl_get_limits(ctl->client, on_limits, ctl));
}

/* ---- interfaces ---- */

static const struct grid_column interface_columns[] = {
	{"INTERFACE"}, {"TYPE", .rank = 1}, {"LINK"},  {"USED"},
	{"HEALTH"},    {"ROUTES"},	    {"FLAGS"}, {"INDEX", .rank = 2, .is_number = true},
	{"NOTES"},
};
static const struct grid_column address_columns[] = {
	{"  ADDRESS", .may_be_cut = true},
	{"USABLE"},
	{"GATEWAY", .rank = 1, .may_be_cut = true},
	{"TABLE", .rank = 2, .is_number = true},
	{"NOTES"},
};
static const struct grid_kind interface_kinds[] = {
	{interface_columns, N(interface_columns)},
	{address_columns, N(address_columns)},
};

static void note_address(char *notes, size_t size, const struct mptcpctl_interface_address *address)
{
	char rule[64], flags[128], foreign[192];

	text_join(address->foreign_flags, flags, sizeof(flags));
	snprintf(rule, sizeof(rule), "rule of %s",
		 address->source_rule ? address->source_rule : "");
	snprintf(foreign, sizeof(foreign), "flags of somebody else's endpoint hold: %s", flags);
	notes[0] = '\0';
	text_note(notes, size, address->reason);
	text_note(notes, size, address->source_rule ? rule : NULL);
	text_note(notes, size, *flags ? foreign : NULL);
}

static void text_address(struct ctl *ctl, const struct mptcpctl_interface_address *address)
{
	struct grid *grid = &ctl->grid;
	char notes[512];

	grid_row(grid, 1);
	grid_cell(grid, NULL, "  %s/%u", address->address, address->prefix);
	grid_text(grid, address->usable ? TEXT_GREEN : TEXT_YELLOW, address->usable ? "yes" : "no");
	grid_text(grid, NULL, address->gateway);
	if (address->route_table)
		grid_cell(grid, NULL, "%" PRIu32, address->route_table);
	else
		grid_text(grid, NULL, "");
	note_address(notes, sizeof(notes), address);
	grid_text(grid, NULL, notes);
}

static void text_interface(struct ctl *ctl, const struct mptcpctl_interface *interface)
{
	const struct mptcpctl_interface_address *address = interface->addresses;
	struct grid *grid = &ctl->grid;
	char notes[512] = "", flags[128];

	text_note(notes, sizeof(notes), interface->reason);
	text_note(notes, sizeof(notes), interface->health_text);
	text_note(notes, sizeof(notes), interface->rp_filter_strict ? "strict rp_filter" : NULL);
	grid_row(grid, 0);
	grid_text(grid, TEXT_BOLD, interface->name);
	grid_text(grid, NULL, interface->type);
	grid_text(grid, interface->carrier ? NULL : TEXT_YELLOW,
		  !interface->up       ? "down"
		  : interface->carrier ? "carrier"
				       : "no-carrier");
	grid_text(grid, interface->use ? TEXT_GREEN : TEXT_YELLOW, interface->use ? "yes" : "no");
	grid_text(grid, text_health_colour(interface->health), interface->health);
	grid_cell(grid, NULL, "%s%s%s", interface->route_ipv4 ? "ipv4" : "",
		  interface->route_ipv4 && interface->route_ipv6 ? "," : "",
		  interface->route_ipv6 ? "ipv6" : "");
	grid_text(grid, NULL, text_join(interface->flags, flags, sizeof(flags)));
	grid_cell(grid, NULL, "%" PRIu32, interface->index);
	grid_text(grid, NULL, notes);
	for (; address; address = address->next)
		text_address(ctl, address);
}

static int on_interface(void *data, const struct mptcpctl_interface *interface)
{
	struct ctl *ctl = data;

	if (ctl->wanted_name && strcmp(ctl->wanted_name, interface->name) != 0)
		return 0;
	if (ctl->json) {
		json_record(&schema_interface, interface);
		ctl_print_item(ctl);
	} else {
		text_interface(ctl, interface);
	}
	ctl->n_found++;
	return 0;
}

int ctl_interface(struct ctl *ctl, int n_args, char **args)
{
	int r, code;

	if (n_args > 1)
		return cli_usage("unexpected \"%s\" after the name", args[1]);
	if (n_args && !*args[0])
		return cli_usage("\"\" is no interface, expected NAME, or none");
	code = ctl_connect(ctl);
	if (code)
		return code;
	ctl->wanted_name = n_args ? args[0] : NULL;
	ctl_begin_grid(ctl, interface_kinds, 2);
	ctl_begin_array(ctl, "interfaces");
	r = mptcpctl_list_interfaces(ctl->client, on_interface, ctl);
	if (r == 0 && ctl->wanted_name && !ctl->n_found) {
		grid_end(&ctl->grid);
		return cli_fail("no interface \"%s\"", ctl->wanted_name);
	}
	code = ctl_end_array(ctl, r);
	if (code == EXIT_DONE)
		ctl_say_none(ctl, "interfaces");
	return code;
}

/* ---- policies ---- */

static const struct grid_column policy_columns[] = {
	{"POLICY"},
	{"CONNECTIONS", .is_number = true},
	{"PLUGINS"},
};
static const struct grid_column setting_columns[] = {{""}};
static const struct grid_kind policy_kinds[] = {
	{policy_columns, N(policy_columns)},
	{setting_columns, N(setting_columns)},
};

static void text_settings(struct ctl *ctl, const char *before,
			  const struct mptcpctl_setting *setting)
{
	for (; setting; setting = setting->next) {
		grid_row(&ctl->grid, 1);
		grid_cell(&ctl->grid, NULL, "  %s%s = %s", before, setting->key, setting->value);
	}
}

static int on_policy(void *data, const struct mptcpctl_policy *policy)
{
	struct ctl *ctl = data;
	char text[512];

	ctl->n_found++;
	if (ctl->json) {
		json_record(&schema_policy, policy);
		ctl_print_item(ctl);
		return 0;
	}
	grid_row(&ctl->grid, 0);
	grid_text(&ctl->grid, TEXT_BOLD, policy->name);
	grid_cell(&ctl->grid, NULL, "%" PRIu64, policy->connections);
	grid_text(&ctl->grid, NULL, text_join(policy->plugins, text, sizeof(text)));
	text_settings(ctl, "match-", policy->match);
	text_settings(ctl, "", policy->settings);
	return 0;
}

static int on_path_manager(void *data, const struct mptcpctl_status *status)
{
	if (strcmp(status->path_manager, "kernel") == 0)
		screen_wrap(2, "",
			    "path-manager = kernel: the kernel decides for connections, and "
			    "policies decide nothing");
	return 0;
}

int ctl_policy(struct ctl *ctl, int n_args, char **args)
{
	int code =
		n_args ? cli_usage("unexpected \"%s\", expected test", args[0]) : ctl_connect(ctl);

	if (code)
		return code;
	ctl_begin_grid(ctl, policy_kinds, 2);
	ctl_begin_array(ctl, "policies");
	code = ctl_end_array(ctl, mptcpctl_list_policies(ctl->client, on_policy, ctl));
	if (code == EXIT_DONE)
		ctl_say_none(ctl, "policies");
	if (code == EXIT_DONE && !ctl->json)
		code = ctl_result(ctl, mptcpctl_get_status(ctl->client, on_path_manager, ctl));
	return code;
}
