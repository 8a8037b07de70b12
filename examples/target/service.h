/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Being a service: what a service manager such as systemd hands over and wants to know, and
 * privileges. The two protocols are a few lines each, and stable: see sd_listen_fds(3) and
 * sd_notify(3).
 */
#ifndef TARGET_SERVICE_H
#define TARGET_SERVICE_H

#include <stdint.h>
#include <sys/types.h>

/* A user to become. */
struct service_user {
	const char *name; /* NULL: stay the same user */
	uid_t uid;
	gid_t gid;
};

/*
 * service_socket - the listening socket that this process was started with.
 * The variables that tell of it are removed. Returns its descriptor, -ENOENT if there is none, or
 * another negative errno with the error text set.
 */
int service_socket(void);

/* service_socket_place - identity of that socket's path, see struct lun_table. */
uint64_t service_socket_place(int fd);

/* service_notify - tell the service manager, if there is one: "READY=1" or "STOPPING=1". */
void service_notify(const char *state);

/*
 * service_find_user - look up a user by its name, which @out points to from then on.
 * Returns 0 or -ENOENT with the error text set.
 */
int service_find_user(const char *name, struct service_user *out);

/*
 * service_drop_privileges - become this user, with its groups, permanently; and never gain
 * privileges by executing a program.
 * Returns 0 or a negative errno with the error text set.
 */
int service_drop_privileges(const struct service_user *user);

#endif
