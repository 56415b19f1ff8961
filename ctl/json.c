/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <stdlib.h>

#include "clean.h"
#include "print.h"

/* Microseconds of today's wall clock are 16 digits. */
#define FLAGS (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(16))

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		abort();
}

void json_print(json_t *value)
{
	json_dump_callback(value, print_json, NULL, FLAGS);
	json_decref(value);
}

void json_print_wrapped(const char *name, json_t *value)
{
	json_t *object = json_object();

	json_put(object, name, value);
	json_print(object);
	print_end();
}

json_t *json_token(uint32_t token)
{
	return json_sprintf("%x", token);
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* JSON holds UTF-8 alone, the kernel's names any bytes. */
static json_t *text(const char *value)
{
	json_t *string = value ? json_string(value) : json_null();
	char *clean;

	if (string)
		return string;
	clean = clean_text(value);
	string = json_string(clean);
	free(clean);
	return string;
}

static json_t *strings(const char *const *values)
{
	json_t *array = json_array();

	for (; values && *values; values++)
		append(array, text(*values));
	return array;
}

/* ---- records ---- */

static json_t *record(const struct record *kind, const void *data, unsigned int members);

static void put_addr(json_t *object, const struct mptcpctl_addr *addr)
{
	json_put(object, "address", text(addr->address));
	json_put(object, "port", number(addr->port));
}

static json_t *address(const struct mptcpctl_addr *addr)
{
	json_t *object;

	if (!addr->address)
		return json_null();
	object = json_object();
	put_addr(object, addr);
	return object;
}

/* Every list begins with the pointer to the next one. */
static json_t *list(const struct record *kind, const void *first)
{
	json_t *array = json_array();

	for (const void *each = first; each; each = *(const void *const *)each)
		append(array, record(kind, each, 0));
	return array;
}

static json_t *settings(const struct mptcpctl_setting *list)
{
	json_t *object = json_object();

	for (; list; list = list->next)
		json_put(object, list->key, text(list->value));
	return object;
}

static json_t *value(const struct field *field, const void *at)
{
	switch (field->type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)at);
	case FIELD_U8:
		return number(*(const uint8_t *)at);
	case FIELD_U16:
		return number(*(const uint16_t *)at);
	case FIELD_U32:
		return number(*(const uint32_t *)at);
	case FIELD_U64:
		return number(*(const uint64_t *)at);
	case FIELD_TOKEN:
		return json_token(*(const uint32_t *)at);
	case FIELD_TIME:
		return json_real((double)*(const uint64_t *)at / 1e6);
	case FIELD_NAME:
	case FIELD_TEXT:
		return text(*(const char *const *)at);
	case FIELD_STRINGS:
		return strings(*(const char *const *const *)at);
	case FIELD_ADDR:
	case FIELD_ADDR_HERE:
		return address(at);
	case FIELD_LIST:
		return list(field->of, *(const void *const *)at);
	case FIELD_SETTINGS:
		return settings(*(const struct mptcpctl_setting *const *)at);
	case FIELD_RECORD:
		return record(field->of, *(const void *const *)at, 0);
	}
	return json_null();
}

static bool is_known(const struct field *field, const void *data)
{
	const char *byte = (const char *)data + field->known.offset;
	bool is_set = field->known.size == 0;

	for (size_t i = 0; i < field->known.size; i++)
		is_set |= byte[i] != 0;
	return is_set != !!(field->flags & FIELD_UNLESS);
}

/* The object around a field: that of its record, or one inside. */
static json_t *object_of(json_t *object, const struct field *field)
{
	json_t *inside;

	if (!field->inside)
		return object;
	inside = json_object_get(object, field->inside);
	if (!inside)
		json_put(object, field->inside, inside = json_object());
	return inside;
}

static void put_field(json_t *object, const struct field *field, const void *data)
{
	const void *at = (const char *)data + field->at.offset;
	const char *name = field->json ? field->json : field->name;

	if (field->type == FIELD_ADDR_HERE)
		put_addr(object, at);
	else if (is_known(field, data))
		json_put(object_of(object, field), name, value(field, at));
	else if (!(field->flags & FIELD_ABSENT))
		json_put(object_of(object, field), name, json_null());
}

/* The object of a record. Fields that do not always go with it: those of `members`. */
static json_t *record(const struct record *kind, const void *data, unsigned int members)
{
	json_t *object = json_object();

	for (const struct field *field = kind->fields; field->name; field++)
		if (!(field->flags & FIELD_WIRE) && (!field->only || field->only & members))
			put_field(object, field, data);
	return object;
}

json_t *json_record(const struct record *kind, const void *data)
{
	return record(kind, data, 0);
}

json_t *json_flush(size_t n_endpoints, bool known, size_t n_cut_off)
{
	json_t *object = json_object();

	json_put(object, "endpoints", number(n_endpoints));
	json_put(object, "connections-without-subflows", known ? number(n_cut_off) : json_null());
	return object;
}

/* ---- events ---- */

static json_t *interface_of_event(const struct mptcpctl_event *event)
{
	json_t *object;

	if (event->interface_now)
		return json_record(&schema_interface, event->interface_now);
	object = json_object(); /* it is gone: its name is all that is left */
	json_put(object, "name", text(event->interface));
	return object;
}

json_t *json_event(const struct mptcpctl_event *event)
{
	const struct event_kind *kind = schema_kind(event->type);
	unsigned int members = kind ? kind->members : 0;
	json_t *object = record(&schema_event, event, members);

	if (members & EVENT_HAS_INTERFACE)
		json_put(object, "interface", interface_of_event(event));
	if (members & EVENT_HAS_ENDPOINT && event->endpoint)
		json_put(object, "endpoint", json_record(&schema_endpoint, event->endpoint));
	return object;
}
