/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations of a logical unit (SPC-4, "Reservations"): which initiators are
 * registered, which one holds the reservation, and what this forbids to others. The commands are in
 * reserve.c.
 *
 * An I_T nexus is an initiator port and the target port. Each target of the device has one port, so
 * the initiator port tells nexuses apart. vhost-user gives a client no name; its session has a
 * number below NEXUSES, the lowest that no other client has while it is connected. This is the
 * number of its initiator port, also in TransportIDs. So a client that is alone is always the same
 * one: its registrations survive a reconnect, and programs that run one after the other act as one
 * initiator.
 */
#ifndef TARGET_RESERVATION_H
#define TARGET_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#define NEXUSES 64 /* clients at once: each is an I_T nexus of its own (SAM-5) */

/* The types (SPC-4, "Persistent reservations type"). "Registrants": any registered nexus. */
#define WRITE_EXCLUSIVE             1
#define EXCLUSIVE_ACCESS            3
#define WRITE_EXCLUSIVE_REGISTRANTS 5 /* registrants only */
#define EXCLUSIVE_REGISTRANTS       6
#define WRITE_EXCLUSIVE_ALL         7 /* all registrants are holders */
#define EXCLUSIVE_ALL               8

struct reservations {
	uint32_t generation;    /* PRGENERATION: starts at 0 with the process */
	bool aptpl;             /* kept in the LUN's state file from now on */
	uint8_t type;           /* 0: there is no reservation */
	unsigned int holder;    /* a nexus; of the types _ALL, every registered one is a holder */
	uint64_t keys[NEXUSES]; /* of each nexus; 0: it is not registered */
};

/* reservation_of_all - whether every registrant holds a reservation of this type. */
bool reservation_of_all(uint8_t type);

/* reservation_holds - whether this nexus holds the reservation. */
bool reservation_holds(const struct reservations *r, unsigned int nexus);

/*
 * reservation_conflict - whether a command of @nexus ends with RESERVATION CONFLICT.
 * @reads: whether reservations of a WRITE EXCLUSIVE type allow the command to everybody
 */
bool reservation_conflict(const struct reservations *r, unsigned int nexus, bool reads);

/*
 * reservation_load - read the state file of a LUN; there is none before something is kept.
 * Returns 0 or a negative errno with the error text set.
 */
int reservation_load(struct reservations *r, const char *path);

/*
 * reservation_save - replace the state file; durable and complete when this returns 0.
 * Without @r->aptpl it then says that there are no registrations. Returns 0 or a negative errno;
 * the file has its old or its new contents then.
 */
int reservation_save(const struct reservations *r, const char *path);

#endif
