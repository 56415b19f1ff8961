/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <errno.h>
#include <string.h>

#include "wire.h"

/* By type of field, or what an array's begins with. */
static const char types[][6] = {
	[FIELD_BOOL] = "b",	  [FIELD_U8] = "y",
	[FIELD_U16] = "q",	  [FIELD_U32] = "u",
	[FIELD_U64] = "t",	  [FIELD_DOUBLE] = "d",
	[FIELD_TOKEN] = "u",	  [FIELD_SHARE] = "u",
	[FIELD_TIME] = "t",	  [FIELD_NAME] = "s",
	[FIELD_TEXT] = "s",	  [FIELD_STRINGS] = "as",
	[FIELD_ADDR] = WIRE_ADDR, [FIELD_ADDR_HERE] = WIRE_ADDR,
	[FIELD_LIST] = "a",	  [FIELD_SETTINGS] = "a",
	[FIELD_RECORD] = "",
};

static bool has_type(const struct field *field, const char *type)
{
	size_t size;

	if (!field->of)
		return *types[field->type] == *type && strcmp(types[field->type], type) == 0;
	size = strlen(types[field->type]);
	return strncmp(types[field->type], type, size) == 0 &&
	       strcmp(type + size, field->of->type) == 0;
}

static struct mptcpctl_addr parse_addr(struct reader *reader)
{
	struct mptcpctl_addr addr = {0};

	if (!reader_enter_record(reader, WIRE_ADDR) && reader->error == 0)
		reader->error = -EBADMSG;
	addr.address = reader_text(reader);
	reader_basic(reader, 'q', &addr.port);
	reader_exit(reader);
	return addr;
}

/* An array of structures or of entries, into a list of nodes that begin with a pointer. */
static void *parse_list(struct reader *reader, const struct record *record)
{
	void *first = NULL, *last = NULL, *node = NULL;

	if (!reader_enter(reader, 'a', record->type))
		return NULL;
	while (reader_enter_record(reader, record->type)) {
		node = reader_alloc(reader, record->size);
		if (!node)
			return first;
		parse_members(reader, record, node);
		reader_exit(reader);
		memcpy(last ? last : &first, &node, sizeof(node));
		last = node;
	}
	reader_exit(reader);
	return first;
}

static void *parse_new(struct reader *reader, const struct record *record)
{
	void *node = reader_alloc(reader, record->size);

	return node && parse_record(reader, record, node) ? node : NULL;
}

/* The value that comes next, which has the field's type. */
static void parse_value(struct reader *reader, const struct field *field, void *into)
{
	const char *text;

	switch (field->type) {
	case FIELD_BOOL:
		*(bool *)into = reader_bool(reader);
		break;
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_SHARE:
	case FIELD_DOUBLE:
	case FIELD_TOKEN:
	case FIELD_TIME:
		reader_basic(reader, types[field->type][0], into);
		break;
	case FIELD_NAME:
		text = reader_text(reader);
		*(const char **)into = text ? text : "";
		break;
	case FIELD_TEXT:
		*(const char **)into = reader_text(reader);
		break;
	case FIELD_STRINGS:
		*(const char *const **)into = reader_strings(reader);
		break;
	case FIELD_ADDR:
	case FIELD_ADDR_HERE:
		*(struct mptcpctl_addr *)into = parse_addr(reader);
		break;
	case FIELD_LIST:
	case FIELD_SETTINGS:
		*(void **)into = parse_list(reader, field->of);
		break;
	case FIELD_RECORD:
		*(void **)into = parse_new(reader, field->of);
		break;
	}
}

static bool is_extra(const struct field *field, const char *name, const char *type)
{
	return field->flags & FIELD_EXTRA && *field->name == *name &&
	       strcmp(field->name, name) == 0 && has_type(field, type);
}

/* They mostly come in the order of the table: so `from`, behind the last one, is looked at first. */
static const struct field *find_extra(const struct record *record, const struct field *from,
				      const char *name, const char *type)
{
	const struct field *field;

	for (field = from; field->name; field++)
		if (is_extra(field, name, type))
			return field;
	for (field = record->fields; field < from; field++)
		if (is_extra(field, name, type))
			return field;
	return NULL;
}

/* The entries of the a{sv}. One that is not known, or has another type, is skipped. */
static void parse_extras(struct reader *reader, const struct record *record, void *ret_record)
{
	const struct field *from = record->fields;
	const char *name, *type;

	while (reader_enter_entry(reader, &name, &type)) {
		const struct field *field = find_extra(record, from, name, type);

		if (field) {
			parse_value(reader, field, (char *)ret_record + field->at.offset);
			if (field->known.size == sizeof(bool))
				*(bool *)((char *)ret_record + field->known.offset) = true;
			from = field + 1;
		} else {
			reader_skip(reader, type);
		}
		reader_exit_entry(reader);
	}
}

void parse_members(struct reader *reader, const struct record *record, void *ret_record)
{
	for (const struct field *field = record->fields; field->name; field++)
		if (!(field->flags & (FIELD_EXTRA | FIELD_JSON)))
			parse_value(reader, field, (char *)ret_record + field->at.offset);
	if (record->is_closed || !reader_enter(reader, 'a', "{sv}"))
		return;
	parse_extras(reader, record, ret_record);
	reader_exit(reader);
}

bool parse_record(struct reader *reader, const struct record *record, void *ret_record)
{
	if (!reader_enter_record(reader, record->type))
		return false;
	memset(ret_record, 0, record->size);
	parse_members(reader, record, ret_record);
	reader_exit(reader);
	return reader->error == 0;
}
