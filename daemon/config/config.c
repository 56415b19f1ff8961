/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <ell/ell.h>
#include <errno.h>
#include <string.h>

#include "auto.h"
#include "addr.h"
#include "config-private.h"
#include "files.h"
#include "stack.h"
#include "value.h"

static const char *const kinds[] = {"core", "endpoints", "interface", "policy", NULL};
static const char *const core_keys[] = {"path-manager", NULL};
static const char *const endpoints_keys[] = {"flags", "hold", "plugin", "rejoin", NULL};
static const char *const interface_keys[] = {"addresses", "announce", "flags",
					     "rp-filter", "use",      NULL};
static const struct config_word flag_words[] = {
	{"backup", MPTCPD_FLAG_BACKUP},	  {"fullmesh", MPTCPD_FLAG_FULLMESH},
	{"laminar", MPTCPD_FLAG_LAMINAR}, {"signal", MPTCPD_FLAG_SIGNAL},
	{"subflow", MPTCPD_FLAG_SUBFLOW}, {NULL},
};

static const struct config_word address_words[] = {
	{"deprecated", ADDRESS_DEPRECATED},
	{"link-local", ADDRESS_LINK_LOCAL},
	{"stable", ADDRESS_STABLE},
	{"temporary", ADDRESS_TEMPORARY},
	{"unique-local", ADDRESS_UNIQUE_LOCAL},
	{NULL},
};

static const struct config_word use_words[] = {{"auto", USE_AUTO},
					       {"no", USE_NO},
					       {"yes", USE_YES},
					       {NULL}};

static const struct config_word rejoin_words[] = {{"eager", true}, {"lazy", false}, {NULL}};
static const struct config_word rp_filter_words[] = {{"keep", false}, {"loose", true}, {NULL}};

/* Not in struct rules as one value: unmanaged is "no path manager". */
static const struct config_word path_manager_words[] = {
	{"kernel", PATH_MANAGER_KERNEL},
	{"unmanaged", PATH_MANAGER_UNKNOWN},
	{"userspace", PATH_MANAGER_USERSPACE},
	{NULL},
};

static bool read_word(struct faults *report, const struct ini_key *key, const char *text,
		      const struct config_word *words, const char *what, uint32_t *ret_bits)
{
	const char *names[16];
	size_t n = 0;

	for (; words[n].name; n++) {
		if (strcmp(words[n].name, text) == 0) {
			*ret_bits = words[n].bits;
			return true;
		}
		names[n] = words[n].name;
	}
	names[n] = NULL;
	faults_add_unknown(report, key->where, what, text, names);
	return false;
}

bool config_read_choice(struct faults *report, const struct ini_key *key,
			const struct config_word *words, uint32_t *ret_bits)
{
	return read_word(report, key, key->value, words, key->name, ret_bits);
}

/* Any number of them, their bits together. */
static bool read_set(struct faults *report, const struct ini_key *key,
		     const struct config_word *words, const char *what, uint32_t *ret_bits)
{
	const char *cursor = key->value, *word;
	uint32_t all = 0;
	bool good = true;
	size_t size;

	while ((word = value_next_word(&cursor, &size))) {
		AUTO(l_free) char *text = l_strndup(word, size);
		uint32_t bits = 0;

		good &= read_word(report, key, text, words, what, &bits);
		all |= bits;
	}
	if (good)
		*ret_bits = all;
	return good;
}

static bool read_flags(struct faults *report, const struct ini_key *key, uint32_t *ret_flags)
{
	uint32_t flags = 0;

	if (!read_set(report, key, flag_words, "flag", &flags))
		return false;
	if ((flags & MPTCPD_FLAG_SIGNAL) && (flags & MPTCPD_FLAG_FULLMESH)) {
		faults_add(report, key->where,
			   "signal and fullmesh exclude each other, expected one of them");
		return false;
	}
	*ret_flags = flags;
	return true;
}

static void read_core(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;

	for (size_t i = 0; i < group->n_keys; i++) {
		const struct ini_key *key = &group->keys[i];
		uint32_t path_manager = PATH_MANAGER_KERNEL;

		if (strcmp(key->name, "path-manager") != 0) {
			faults_add_unknown(&loader->faults, key->where, "key", key->name,
					   core_keys);
		} else if (config_read_choice(&loader->faults, key, path_manager_words,
					      &path_manager)) {
			rules->path_manager = (enum path_manager)path_manager;
			rules->manage_path_manager = path_manager != PATH_MANAGER_UNKNOWN;
		}
	}
}

static void read_endpoints(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	const struct ini_key *plugin = ini_group_find(group, "plugin");
	const struct ini_key *flags = ini_group_find(group, "flags");
	const struct ini_key *rejoin = ini_group_find(group, "rejoin");
	const struct ini_key *hold = ini_group_find(group, "hold");
	struct stack_setup setup = {
		.kind = STACK_ENDPOINTS,
		.directory = loader->setup->plugin_directory,
		.group = group,
		.plugins = plugin->value,
		.where = plugin->where,
		.own_keys = endpoints_keys,
		.calls = &loader->config->calls,
	};
	struct policy_plugin *plugins = NULL;
	uint32_t eager = false;
	size_t n;

	read_flags(&loader->faults, flags, &rules->endpoint_flags);
	if (config_read_choice(&loader->faults, rejoin, rejoin_words, &eager))
		rules->rejoin_eager = eager;
	if (value_duration(hold->value, &rules->endpoint_hold_ms) < 0)
		faults_add(&loader->faults, hold->where,
			   "hold is '%s', expected a duration like 500ms, 30s, 5min or 1h",
			   hold->value);
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

/* What the text after "interface:" means. */
static void read_interface_match(struct faults *report, const struct ini_group *group,
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
		faults_add_unknown(report, group->where, "type of interface", match + 5, names);
		return;
	}
	/* a name with a slash does not exist, and one that reads as an address is none */
	if (addr_parse_prefix(match, &rule->net, &rule->prefix) == 0)
		return;
	if (strchr(match, '/'))
		faults_add(report, group->where,
			   "bad prefix '%s', expected one like 10.8.0.0/16 or fd00::/8", match);
	else if (strlen(match) >= MPTCPD_IFNAME_SIZE && !strpbrk(match, "*?["))
		faults_add(report, group->where,
			   "no interface is called '%s', expected a name of at most %d characters",
			   match, MPTCPD_IFNAME_SIZE - 1);
}

/* What the kernel's path manager would leave undone. `key` NULL: nothing is announced. */
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

static void read_interface(struct config_loader *loader, const struct ini_group *group)
{
	struct rules *rules = &loader->config->rules;
	struct interface_rule *rule = &rules->interfaces[rules->n_interfaces++];
	struct faults *faults = &loader->faults;

	rule->match = l_strdup(group->name);
	read_interface_match(faults, group, rule);
	for (size_t i = 0; i < group->n_keys; i++) {
		const struct ini_key *key = &group->keys[i];
		uint32_t use = USE_AUTO, loose = false;

		if (strcmp(key->name, "use") == 0) {
			if (config_read_choice(faults, key, use_words, &use))
				rule->use = (enum use)use;
		} else if (strcmp(key->name, "flags") == 0) {
			rule->has_flags = read_flags(faults, key, &rule->flags);
		} else if (strcmp(key->name, "addresses") == 0) {
			read_set(faults, key, address_words, "kind of address", &rule->addresses);
		} else if (strcmp(key->name, "announce") == 0) {
			if (addr_parse(key->value, &rule->announce) < 0)
				faults_add(faults, key->where,
					   "bad address '%s' of 'announce', expected one like "
					   "203.0.113.7 or 2001:db8::7",
					   key->value);
		} else if (strcmp(key->name, "rp-filter") == 0) {
			if (config_read_choice(faults, key, rp_filter_words, &loose))
				rule->rp_filter_loose = loose;
		} else {
			faults_add_unknown(faults, key->where, "key", key->name, interface_keys);
		}
	}
	warn_announce(loader, ini_group_find(group, "announce"), rule);
}

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
	if (core)
		read_core(loader, core);
	config_add_defaults(&config->ini, config->rules.path_manager);
	n = config->ini.n_groups;
	config->rules.interfaces = l_new(struct interface_rule, n);
	config->rules.policies = l_new(struct policy, n);
	endpoints = ini_find(&config->ini, "endpoints", NULL);
	if (endpoints)
		read_endpoints(loader, endpoints);
	for (size_t i = 0; i < n; i++) {
		const struct ini_group *group = &config->ini.groups[i];

		if (!check_title(&loader->faults, group))
			continue;
		if (strcmp(group->kind, "interface") == 0)
			read_interface(loader, group);
		else if (strcmp(group->kind, "policy") == 0)
			config_read_policy(loader, group);
	}
	config_warn_unreachable(loader);
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
	faults_init(&loader.faults);
	faults_init(&loader.warnings);
	if (setup->file)
		files_add_file(&loader.config->ini, setup->file, &loader.faults);
	else
		files_add_default(&loader.config->ini, setup->root ? setup->root : "",
				  &loader.faults);
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
		l_free(rules->policies[i].match.interface);
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
	for (const struct config_word *word = path_manager_words; word->name; word++)
		if (word->bits == rules->path_manager)
			return word->name;
	return "unmanaged";
}
