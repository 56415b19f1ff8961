/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words of mptcpd and libmptcpctl to each other over D-Bus: names and types, once for both sides.
 * man mptcpd-dbus is the same for everybody else. Types never change; each a{sv} may get new keys.
 */
#ifndef LIB_WIRE_H
#define LIB_WIRE_H

#define WIRE_NAME "org.mptcpd1"
#define WIRE_PATH "/org/mptcpd1"
#define WIRE_MANAGER "org.mptcpd1.Manager"

#define WIRE_ERROR_NOT_FOUND "org.mptcpd1.Error.NotFound"
#define WIRE_ERROR_INVALID "org.mptcpd1.Error.Invalid"
#define WIRE_ERROR_NOT_PERMITTED "org.mptcpd1.Error.NotPermitted"
#define WIRE_ERROR_FAILED "org.mptcpd1.Error.Failed"

/* The longest text about a configuration; the rest is cut. */
#define WIRE_TEXT_SIZE 16384

/* Contents of the structures, and the structures. */
#define WIRE_IN_SUBFLOW "(sq)(sq)yyssbbbssa{sv}"
#define WIRE_IN_ADDRESS "(sq)ya{sv}"
#define WIRE_IN_CONNECTION "usssbs(sq)(sq)a" WIRE_SUBFLOW "a" WIRE_ADDRESS "a" WIRE_ADDRESS "a{sv}"
#define WIRE_IN_INTERFACE_ADDRESS "sybsa{sv}"
#define WIRE_IN_INTERFACE "subbasa" WIRE_INTERFACE_ADDRESS "bba{sv}"
#define WIRE_IN_ENDPOINT "ysqsassa{sv}"
#define WIRE_IN_POLICY "sasa{ss}a{ss}ta{sv}"
#define WIRE_IN_EXPLAIN_PATH "(sq)(sq)sssssuba{sv}"
#define WIRE_IN_ANNOUNCEMENT "(sq)ysbba{sv}"
#define WIRE_IN_EXPLANATION "usa" WIRE_EXPLAIN_PATH "a" WIRE_ANNOUNCEMENT "a{sv}"
#define WIRE_IN_CONFIG "ssssua{sv}"

#define WIRE_IN_LISTENER "s(sq)ta{sv}"
#define WIRE_IN_LINK "sttbsa{sv}"
#define WIRE_IN_SAMPLE "sa{ss}d"
#define WIRE_IN_METRIC "sssa" WIRE_SAMPLE

#define WIRE_IN_ASIDE "sut"
#define WIRE_IN_WARNING "sss"

#define WIRE_ADDR "(sq)"
#define WIRE_SUBFLOW "(" WIRE_IN_SUBFLOW ")"
#define WIRE_ADDRESS "(" WIRE_IN_ADDRESS ")"
#define WIRE_CONNECTION "(" WIRE_IN_CONNECTION ")"
#define WIRE_INTERFACE_ADDRESS "(" WIRE_IN_INTERFACE_ADDRESS ")"
#define WIRE_INTERFACE "(" WIRE_IN_INTERFACE ")"
#define WIRE_ENDPOINT "(" WIRE_IN_ENDPOINT ")"
#define WIRE_POLICY "(" WIRE_IN_POLICY ")"
#define WIRE_EXPLAIN_PATH "(" WIRE_IN_EXPLAIN_PATH ")"
#define WIRE_ANNOUNCEMENT "(" WIRE_IN_ANNOUNCEMENT ")"
#define WIRE_EXPLANATION "(" WIRE_IN_EXPLANATION ")"
#define WIRE_CONFIG "(" WIRE_IN_CONFIG ")"
#define WIRE_LISTENER "(" WIRE_IN_LISTENER ")"
#define WIRE_LINK "(" WIRE_IN_LINK ")"
#define WIRE_SAMPLE "(" WIRE_IN_SAMPLE ")"
#define WIRE_METRIC "(" WIRE_IN_METRIC ")"
#define WIRE_ASIDE "(" WIRE_IN_ASIDE ")"
#define WIRE_WARNING "(" WIRE_IN_WARNING ")"

#endif
