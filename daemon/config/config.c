/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ell/ell.h>
#include <errno.h>
#include <string.h>

#include "auto.h"
#include "addr.h"
#include "config-private.h"
#include "files.h"
#include "key.h"
#include "stack.h"
#include "value.h"

static const char *const kinds[] = {"core", "endpoints", "interface", "policy", NULL};
static const struct key_word flag_words[] = {
	{"backup", MPTCPD_FLAG_BACKUP},	  {"fullmesh", MPTCPD_FLAG_FULLMESH},
	{"laminar", MPTCPD_FLAG_LAMINAR}, {"signal", MPTCPD_FLAG_SIGNAL},
	{"subflow", MPTCPD_FLAG_SUBFLOW}, {NULL},
};

static const struct key_word address_words[] = {
	{"deprecated", ADDRESS_DEPRECATED},
	{"link-local", ADDRESS_LINK_LOCAL},
	{"stable", ADDRESS_STABLE},
	{"temporary", ADDRESS_TEMPORARY},
	{"unique-local", ADDRESS_UNIQUE_LOCAL},
	{NULL},
};

static const struct key_word foreign_words[] = {{"leave", false}, {"mend", true}, {NULL}};
static const struct key_word listen_words[] = {{"auto", LISTEN_AUTO},
					       {"no", LISTEN_NO},
					       {"yes", LISTEN_YES},
					       {NULL}};

static const struct key_word use_words[] = {{"auto", USE_AUTO},
					    {"no", USE_NO},
					    {"yes", USE_YES},
					    {NULL}};

static const struct key_word deny_join_words[] = {
	{"keep", DENY_JOIN_KEEP},
	{"no", DENY_JOIN_NO},
	{"yes", DENY_JOIN_YES},
	{NULL},
};

static const struct key_word rejoin_words[] = {{"eager", true}, {"lazy", false}, {NULL}};
static const struct key_word rp_filter_words[] = {{"keep", false}, {"loose", true}, {NULL}};

/* Not in struct rules as one value: unmanaged is "no path manager". */
static const struct key_word path_manager_words[] = {
	{"kernel", PATH_MANAGER_KERNEL},
	{"unmanaged", PATH_MANAGER_UNKNOWN},
	{"userspace", PATH_MANAGER_USERSPACE},
	{NULL},
};

static bool read_flag_words(struct faults *faults, const struct ini_key *line, uint32_t *ret_flags)
{
	uint32_t flags = 0;

	if (!key_read_words(faults, line, flag_words, "flag", &flags))
		return false;
	if ((flags & MPTCPD_FLAG_SIGNAL) && (flags & MPTCPD_FLAG_FULLMESH)) {
		faults_add(faults, line->where,
			   "signal and fullmesh exclude each other, expected one of them");
		return false;
	}
	*ret_flags = flags;
	return true;
}

/* ---- [core] and [endpoints], into struct rules ---- */

static void read_path_manager(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	uint32_t bits;

	if (!key_read_word(faults, line, path_manager_words, &bits))
		return;
	rules->path_manager = (enum path_manager)bits;
	rules->manage_path_manager = bits != PATH_MANAGER_UNKNOWN;
}

static void read_deny_join(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	uint32_t deny;

	if (key_read_word(faults, line, deny_join_words, &deny))
		rules->deny_join_initial = (enum deny_join)deny;
}

static const struct key core_keys[] = {
	{"deny-join-initial", read_deny_join},
	{"path-manager", read_path_manager},
	{"route-table", config_read_route_table},
	{"rule-priority", config_read_rule_priority},
	{"source-routing", config_read_source_routing},
	{"spare-new-connections", config_read_spare},
	{NULL},
};

/* Who is told not to come to the address he knows must be told of another. */
static void check_deny_join(struct config_loader *loader)
{
	const struct config *config = loader->config;
	const struct rules *rules = &config->rules;
	const struct ini_group *core = ini_find(&config->ini, "core", NULL);
	bool is_announced = rules->deny_join_initial != DENY_JOIN_YES;

	for (size_t i = 0; i < rules->n_interfaces; i++) {
		const struct interface_rule *rule = &rules->interfaces[i];
		uint32_t flags = rule->has_flags ? rule->flags : rules->endpoint_flags;

		is_announced |= rule->announce.family && (flags & MPTCPD_FLAG_SIGNAL);
	}
	if (!is_announced)
		faults_add(
			&loader->faults, ini_group_find(core, "deny-join-initial")->where,
			"deny-join-initial = yes without an address that peers may join, expected "
			"'announce = ADDRESS' and 'flags = signal' in a group [interface:NAME]");
}

static void read_endpoint_flags(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;

	read_flag_words(faults, line, &rules->endpoint_flags);
}

static void read_foreign(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	uint32_t mend;

	if (key_read_word(faults, line, foreign_words, &mend))
		rules->mend_foreign = mend;
}

static void read_hold(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	int err = value_duration(line->value, &rules->endpoint_hold_ms);

	if (err < 0)
		faults_add(faults, line->where, "hold is '%s', expected %s", line->value,
			   err == -ERANGE ? "at most " VALUE_DURATION_MAX
					  : "a duration like 500ms, 30s, 5min or 1h");
}

static void read_rejoin(struct faults *faults, const struct ini_key *line, void *into)
{
	struct rules *rules = into;
	uint32_t eager;

	if (key_read_word(faults, line, rejoin_words, &eager))
		rules->rejoin_eager = eager;
}

static const struct key endpoints_keys[] = {
	{"flags", read_endpoint_flags},
	{"foreign", read_foreign},
	{"hold", read_hold},
	{"plugin", NULL},
	{"rejoin", read_rejoin},
	{NULL},
};

static void read_endpoints(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	const struct ini_key *plugin = ini_group_find(group, "plugin");
	const char *own_keys[KEY_MAX + 1];
	struct stack_setup setup = {
		.kind = STACK_ENDPOINTS,
		.directory = loader->setup->plugin_directory,
		.group = group,
		.plugins = plugin->value,
		.where = plugin->where,
		.own_keys = own_keys,
		.calls = &loader->config->calls,
	};
	struct policy_plugin *plugins = NULL;
	size_t n;

	key_read_own(endpoints_keys, group, rules, &loader->faults);
	key_list(endpoints_keys, own_keys);
	n = stack_start(&setup, &plugins, &loader->faults);
	if (n > 1)
		faults_add(&loader->faults, setup.where, "more than one plugin, expected one");
	if (n == 1) {
		rules->endpoints = plugins[0];
		l_free(plugins);
	} else {
		stack_stop(plugins, n, setup.calls);
	}
}

/* ---- [interface:…], into struct interface_rule ---- */

/* The text after "interface:" is a type, a prefix, or a glob. */
static void read_interface_match(struct faults *faults, const struct ini_group *group,
				 struct interface_rule *rule)
{
	const char *names[LINK_TYPES + 1];
	const char *match = group->name;

	if (strncmp(match, "type:", 5) == 0) {
		int type = link_type_from_name(match + 5);

		rule->by_type = true;
		rule->type = (uint8_t)type;
		if (type >= 0)
			return;
		for (int i = 0; i < LINK_TYPES; i++)
			names[i] = link_type_name((enum mptcpd_link_type)i);
		names[LINK_TYPES] = NULL;
		faults_add_unknown(faults, group->where, "type of interface", match + 5, names);
		return;
	}
	/* a name with a slash does not exist, and one that reads as an address is none */
	if (mptcpd_addr_parse_prefix(match, &rule->net, &rule->prefix) == 0)
		return;
	if (strchr(match, '/'))
		faults_add(faults, group->where,
			   "bad prefix '%s', expected one like 10.8.0.0/16 or fd00::/8", match);
	else if (!config_is_interface_glob(match))
		faults_add(faults, group->where,
			   "no interface is called '%s', expected a name of at most %d characters",
			   match, MPTCPD_IFNAME_SIZE - 1);
}

/* Warn of what the kernel's path manager would not announce. `key` NULL: nothing is announced. */
static void warn_announce(struct config_loader *loader, const struct ini_key *key,
			  const struct interface_rule *rule)
{
	const struct rules *rules = &loader->config->rules;
	uint32_t flags = rule->has_flags ? rule->flags : rules->endpoint_flags;

	if (!key || rules->path_manager != PATH_MANAGER_KERNEL)
		return;
	if (!(flags & MPTCPD_FLAG_SIGNAL))
		faults_add(&loader->warnings, key->where,
			   "'announce' has no effect under the kernel's path manager without flag "
			   "'signal'");
	else if (rule->announce.port)
		faults_add(&loader->warnings, key->where,
			   "the kernel's path manager announces a port only where it can listen on "
			   "it: leave it out, or use path-manager = userspace");
}

static void read_addresses(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;

	key_read_words(faults, line, address_words, "kind of address", &rule->addresses);
}

static void read_announce(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;

	if (addr_parse(line->value, &rule->announce) < 0 || !addr_is_one_host(&rule->announce))
		faults_add(faults, line->where,
			   "bad address '%s' of 'announce', expected one like 203.0.113.7 or "
			   "2001:db8::7",
			   line->value);
}

static void read_flags(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;

	rule->has_flags = read_flag_words(faults, line, &rule->flags);
}

static void read_listen(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint32_t listen;

	if (key_read_word(faults, line, listen_words, &listen))
		rule->listen = (enum listen)listen;
}

static void read_rp_filter(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint32_t loose;

	if (key_read_word(faults, line, rp_filter_words, &loose))
		rule->rp_filter_loose = loose;
}

static void read_use(struct faults *faults, const struct ini_key *line, void *into)
{
	struct interface_rule *rule = into;
	uint32_t use;

	if (key_read_word(faults, line, use_words, &use))
		rule->use = (enum use)use;
}

static const struct key interface_keys[] = {
	{"addresses", read_addresses},
	{"announce", read_announce},
	{"flags", read_flags},
	{"gateway", config_read_gateway},
	{"health", config_read_health},
	{"listen", read_listen},
	{"probe", config_read_probe},
	{"probe-failures", config_read_probe_failures},
	{"probe-interval", config_read_probe_interval},
	{"probe-timeout", config_read_probe_timeout},
	{"recover", config_read_recover},
	{"rp-filter", read_rp_filter},
	{"silent-after", config_read_silent_after},
	{"use", read_use},
	{NULL},
};

static void read_interface(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	struct interface_rule *rule = &rules->interfaces[rules->n_interfaces++];

	rule->match = l_strdup(group->name);
	config_init_probe(&rule->probe);
	read_interface_match(&loader->faults, group, rule);
	key_read_group(interface_keys, group, rule, &loader->faults);
	warn_announce(loader, ini_group_find(group, "announce"), rule);
	config_check_probe(loader, group, &rule->probe);
}

/* ---- all groups ---- */

/* Is its kind known, with a name where one belongs? */
static bool check_title(struct faults *faults, const struct ini_group *group)
{
	bool named = strcmp(group->kind, "interface") == 0 || strcmp(group->kind, "policy") == 0;

	for (const char *const *kind = kinds; *kind; kind++) {
		if (strcmp(group->kind, *kind) != 0)
			continue;
		if (named && !group->name)
			faults_add(faults, group->where, "[%s] has no name, expected [%s:NAME]",
				   *kind, *kind);
		if (!named && group->name)
			faults_add(faults, group->where, "[%s:%s] has a name, expected [%s]", *kind,
				   group->name, *kind);
		return named == !!group->name;
	}
	faults_add_unknown(faults, group->where, "group", group->kind, kinds);
	return false;
}

static void read_groups(struct config_loader *loader)
{
	struct config *config = loader->config;
	const struct ini_group *core = ini_find(&config->ini, "core", NULL), *endpoints;
	size_t n;

	/* the path manager decides about defaults */
	if (core && config_report_foreign(loader, core))
		return;
	if (core)
		key_read_group(core_keys, core, &config->rules, &loader->faults);
	config_check_spare(loader, core);
	config_add_defaults(&config->ini, config->rules.path_manager);
	n = config->ini.n_groups;
	config->rules.interfaces = l_new(struct interface_rule, n);
	config->rules.policies = l_new(struct policy, n);
	endpoints = ini_find(&config->ini, "endpoints", NULL);
	if (endpoints)
		read_endpoints(loader, endpoints);
	/* There are no endpoints then, and what is said of them is not said of paths. */
	if (config->rules.path_manager == PATH_MANAGER_USERSPACE)
		config->rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW;
	for (size_t i = 0; i < n; i++) {
		const struct ini_group *group = &config->ini.groups[i];

		if (!check_title(&loader->faults, group))
			continue;
		if (strcmp(group->kind, "interface") == 0)
			read_interface(loader, group);
		else if (strcmp(group->kind, "policy") == 0)
			config_read_policy(loader, group);
	}
	check_deny_join(loader);
	config_warn_unreachable(loader);
	config_warn_powerless(loader);
	config_warn_ports(loader);
}

static void read_files(const struct config_setup *setup, struct ini *ini, struct faults *faults)
{
	if (setup->file)
		files_add_file(ini, setup->file, faults);
	else
		files_add_default(ini, setup->root ? setup->root : "", setup->instance, faults);
}

bool config_is_unmanaged(const struct config_setup *setup)
{
	struct rules rules = {.manage_path_manager = true};
	const struct ini_group *core;
	const struct ini_key *line;
	struct faults faults;
	struct ini ini = {0};

	faults_init(&faults);
	read_files(setup, &ini, &faults);
	core = ini_find(&ini, "core", NULL);
	line = core ? ini_group_find(core, "path-manager") : NULL;
	if (line)
		read_path_manager(&faults, line, &rules);
	faults_done(&faults);
	ini_done(&ini);
	return !rules.manage_path_manager;
}

int config_load(const struct config_setup *setup, struct config **ret_config, char **ret_faults)
{
	struct config_loader loader = {.setup = setup, .config = l_new(struct config, 1)};
	struct rules *rules = &loader.config->rules;
	bool good;

	loader.config->calls =
		(struct calls){.guard = setup->guard, .retry = setup->retry, .place = setup->place};
	rules->path_manager = PATH_MANAGER_KERNEL;
	rules->manage_path_manager = true;
	rules->endpoint_flags = MPTCPD_FLAG_SUBFLOW;
	rules->route_table = ROUTE_TABLE_DEFAULT;
	rules->rule_priority = RULE_PRIORITY_DEFAULT;
	faults_init(&loader.faults);
	faults_init(&loader.warnings);
	read_files(setup, &loader.config->ini, &loader.faults);
	if (!setup->file && !setup->instance)
		config_warn_moved(&loader);
	read_groups(&loader);
	good = loader.faults.n_faults == 0;
	if (good) {
		loader.config->warnings = faults_take(&loader.warnings);
		*ret_config = loader.config;
	} else {
		*ret_faults = faults_take(&loader.faults);
		config_free(loader.config);
	}
	faults_done(&loader.faults);
	faults_done(&loader.warnings);
	return good ? 0 : -EINVAL;
}

void config_free(struct config *config)
{
	struct rules *rules;

	if (!config)
		return;
	rules = &config->rules;
	for (size_t i = 0; i < rules->n_interfaces; i++)
		l_free(rules->interfaces[i].match);
	for (size_t i = 0; i < rules->n_policies; i++) {
		stack_stop(rules->policies[i].plugins, rules->policies[i].n_plugins,
			   &config->calls);
		l_free(rules->policies[i].name);
		config_match_done(&rules->policies[i].match);
	}
	if (rules->endpoints.plugin)
		stack_stop(l_memdup(&rules->endpoints, sizeof(rules->endpoints)), 1,
			   &config->calls);
	calls_done(&config->calls);
	l_free(rules->interfaces);
	l_free(rules->policies);
	l_free(config->warnings);
	ini_done(&config->ini);
	l_free(config);
}

const char *config_path_manager_name(const struct rules *rules)
{
	for (const struct key_word *word = path_manager_words; word->name; word++)
		if (word->bits == rules->path_manager)
			return word->name;
	return "unmanaged";
}
