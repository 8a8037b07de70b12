/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store that an NBD server keeps, through libnbd. As with files, the target waits while a command
 * is executed, so a slow server delays its other LUNs too.
 *
 * A lost connection is made again, and the command that met the loss is repeated: to read or write
 * the same again does no harm. Writes that were acknowledged before the loss and not flushed may be
 * lost with the server, which can't be detected. So from then on every flush fails, as it does
 * after a failed flush of a file.
 */
#include "store.h"

#include <errno.h>
#include <libnbd.h>
#include <stdlib.h>
#include <string.h>

#include "../common/clock.h"
#include "error.h"
#include "identity.h"

#define BUFFER_LEN   (1 << 20) /* most of one NBD request */
#define ZERO_LEN     (UINT64_C(1) << 30)
#define OPEN_MS      10000
#define RECONNECT_MS 2000  /* for the first command after a loss; later ones try once */
#define ATTEMPT_MS   500   /* for one attempt to connect */
#define REPLY_MS     30000 /* a server that takes longer is taken for dead */
#define ATTEMPTS     3     /* to execute one command */

struct store_nbd {
	struct store base;
	struct nbd_handle *h; /* NULL: not connected */
	int flush_error;      /* set when acknowledged writes may be lost */
	bool dirty;           /* there are acknowledged writes that are not flushed */
	bool can_fua;
	bool down; /* connecting again has failed */
	uint32_t block_size;
	char *buffer;
	char uri[]; /* as given */
};

enum request_kind { READ, WRITE, FLUSH, ZERO, PUNCH, EXTENT };

struct nbd_request {
	enum request_kind kind;
	uint64_t at;
	uint64_t len;
	bool fua;        /* of WRITE, where the server supports it */
	uint64_t extent; /* reply of EXTENT: its length, and what it is */
	bool hole;
};

static uint64_t now_ms(void)
{
	return clock_now() / 1000000;
}

/* Handles what arrives until the deadline. Returns false after it. */
static bool wait_until(struct nbd_handle *h, uint64_t deadline)
{
	uint64_t now = now_ms();

	return now < deadline && nbd_poll(h, (int)(deadline - now)) >= 0;
}

/*
 * Checks what the server offers, at first and after each reconnect: it may serve another disk by
 * then.
 */
static int check_export(struct store_nbd *n, struct nbd_handle *h)
{
	int64_t size = nbd_get_size(h);
	int64_t smallest = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);

	if (size < 0)
		return set_error(EIO, "cannot open %s: %s", n->uri, nbd_get_error());
	if (n->base.size && (uint64_t)size != n->base.size)
		return set_error(ENOTCONN, "%s has %lld bytes instead of %llu: not used", n->uri,
				 (long long)size, (unsigned long long)n->base.size);
	if (smallest > (int64_t)n->block_size)
		return set_error(EINVAL, "%s has blocks of %lld bytes: give block=%lld", n->uri,
				 (long long)smallest, (long long)smallest);
	n->base.size = (uint64_t)size;
	n->base.read_only = nbd_is_read_only(h) > 0;
	n->base.volatile_cache = nbd_can_flush(h) > 0;
	n->can_fua = n->base.volatile_cache && nbd_can_fua(h) > 0;
	return 0;
}

/* One attempt. Returns 0 or a negative errno with the error text set. */
static int attempt(struct store_nbd *n, unsigned int ms)
{
	struct nbd_handle *h = nbd_create();
	uint64_t deadline = now_ms() + ms;
	int rc;

	if (!h)
		return set_error(ENOMEM, "cannot open %s: %s", n->uri, nbd_get_error());
	rc = nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION);
	if (!rc)
		rc = nbd_aio_connect_uri(h, n->uri);
	while (!rc && nbd_aio_is_connecting(h) > 0) {
		if (!wait_until(h, deadline))
			rc = -1;
	}
	if (rc || nbd_aio_is_ready(h) <= 0) {
		rc = set_error(ENOTCONN, "cannot open %s: %s", n->uri,
			       nbd_get_error() ? nbd_get_error() : "no server answers");
		nbd_close(h);
		return rc;
	}
	rc = check_export(n, h);
	if (rc) {
		nbd_close(h);
		return rc;
	}
	n->h = h;
	return 0;
}

/* Connects again, with a limit for the first command after a loss. */
static int connect_again(struct store_nbd *n)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	uint64_t deadline = now_ms() + (n->down ? 0 : RECONNECT_MS);
	int rc;

	while ((rc = attempt(n, ATTEMPT_MS)) && now_ms() < deadline)
		nanosleep(&pause, NULL);
	if (rc && !n->down)
		warn("%s", last_error());
	else if (!rc)
		warn("%s: connected again", n->uri);
	n->down = rc;
	return rc ? -ENOTCONN : 0;
}

static void connection_lost(struct store_nbd *n)
{
	warn("%s: the connection is lost%s", n->uri,
	     n->dirty ? ", and so may be writes that were not flushed" : "");
	if (n->dirty)
		n->flush_error = -EIO;
	n->dirty = false;
	nbd_close(n->h);
	n->h = NULL;
}

static int on_extent(void *data, const char *context, uint64_t at, uint32_t *entries, size_t count,
		     int *error)
{
	struct nbd_request *r = data;
	const uint32_t hole = LIBNBD_STATE_HOLE | LIBNBD_STATE_ZERO;

	(void)context;
	(void)at;
	(void)error;
	if (count >= 2 && entries[0]) {
		r->extent = entries[0];
		r->hole = (entries[1] & hole) == hole;
	}
	return 0;
}

/* Sends a request. Returns its cookie, or -1. */
static int64_t send_request(struct store_nbd *n, struct nbd_request *r)
{
	nbd_completion_callback none = NBD_NULL_COMPLETION;

	switch (r->kind) {
	case READ:
		return nbd_aio_pread(n->h, n->buffer, r->len, r->at, none, 0);
	case WRITE:
		return nbd_aio_pwrite(n->h, n->buffer, r->len, r->at, none,
				      r->fua ? LIBNBD_CMD_FLAG_FUA : 0);
	case FLUSH:
		return nbd_aio_flush(n->h, none, 0);
	case ZERO:
		return nbd_aio_zero(n->h, r->len, r->at, none, LIBNBD_CMD_FLAG_NO_HOLE);
	case PUNCH:
		return nbd_aio_zero(n->h, r->len, r->at, none, 0);
	default:
		return nbd_aio_block_status(n->h, r->len, r->at,
					    (nbd_extent_callback){.callback = on_extent,
								  .user_data = r},
					    none, LIBNBD_CMD_FLAG_REQ_ONE);
	}
}

/* Sends a request and waits for the reply. Without one the connection is lost: n->h is NULL. */
static int exchange(struct store_nbd *n, struct nbd_request *r)
{
	uint64_t deadline = now_ms() + REPLY_MS;
	int64_t cookie = send_request(n, r);
	int done = cookie < 0 ? -1 : 0;
	int error;

	while (!done) {
		done = nbd_aio_command_completed(n->h, (uint64_t)cookie);
		if (!done && !wait_until(n->h, deadline))
			break;
	}
	if (done > 0)
		return 0;
	error = nbd_get_errno();
	/* A server that is about to end says ESHUTDOWN. */
	if (done && error != ESHUTDOWN && nbd_aio_is_ready(n->h) > 0)
		return error && error != ENOTCONN ? -error : -EIO;
	connection_lost(n);
	return -ENOTCONN;
}

static int execute(struct store_nbd *n, struct nbd_request *r)
{
	unsigned int i;
	int rc = -ENOTCONN;

	for (i = 0; i < ATTEMPTS; i++) {
		rc = n->h ? 0 : connect_again(n);
		if (rc)
			return rc;
		if ((r->kind == FLUSH || r->fua) && n->flush_error)
			return n->flush_error;
		rc = exchange(n, r);
		if (n->h)
			break;
	}
	if (!rc && ((r->kind == WRITE && !r->fua) || r->kind == ZERO || r->kind == PUNCH))
		n->dirty = n->base.volatile_cache;
	return rc;
}

/*
 * The data is copied, because a client that shrinks its memory must not break the connection, see
 * fault.h.
 */
static int nbd_move(struct store_nbd *n, struct sgl *mem, size_t len, struct nbd_request r)
{
	int rc = 0;

	for (; len && !rc; len -= r.len, r.at += r.len) {
		r.len = len < BUFFER_LEN ? len : BUFFER_LEN;
		if (r.kind == WRITE && sgl_read(mem, n->buffer, r.len) != r.len)
			return -EFAULT;
		rc = execute(n, &r);
		if (!rc && r.kind == READ && sgl_write(mem, n->buffer, r.len) != r.len)
			return -EFAULT;
	}
	return rc;
}

static int nbd_read(struct store *s, struct sgl *to, uint64_t at, size_t len)
{
	return nbd_move((struct store_nbd *)s, to, len,
			(struct nbd_request){.kind = READ, .at = at});
}

static int nbd_store_flush(struct store *s)
{
	struct store_nbd *n = (struct store_nbd *)s;
	struct nbd_request r = {.kind = FLUSH};
	int rc;

	if (n->flush_error)
		return n->flush_error;
	if (!s->volatile_cache)
		return 0;
	rc = execute(n, &r);
	if (!rc)
		n->dirty = false;
	else if (rc != -ENOTCONN)
		n->flush_error = rc;
	return rc;
}

/* With FUA a loss of the connection endangers nothing: the request is repeated. */
static int nbd_write(struct store *s, struct sgl *from, uint64_t at, size_t len, bool fua)
{
	struct store_nbd *n = (struct store_nbd *)s;
	struct nbd_request r = {.kind = WRITE, .at = at};
	int rc;

	r.fua = fua && n->can_fua;
	rc = nbd_move(n, from, len, r);
	return !rc && fua && !r.fua ? nbd_store_flush(s) : rc;
}

/* The unit promises zeros (LBPRZ), which a trim does not; zeroing may make holes just as well. */
static int nbd_store_zero(struct store *s, uint64_t at, uint64_t len, bool free_space)
{
	struct store_nbd *n = (struct store_nbd *)s;
	struct nbd_request r = {.kind = free_space ? PUNCH : ZERO, .at = at};
	uint64_t most = ZERO_LEN;
	int rc = n->h ? 0 : connect_again(n);

	if (!rc && nbd_can_zero(n->h) <= 0) {
		r.kind = WRITE;
		most = BUFFER_LEN;
		memset(n->buffer, 0, BUFFER_LEN);
	}
	for (; len && !rc; len -= r.len, r.at += r.len) {
		r.len = len < most ? len : most;
		rc = execute(n, &r);
	}
	return rc;
}

/* Where the server can't tell, all is data. */
static uint64_t nbd_extent(struct store *s, uint64_t at, bool *hole)
{
	struct store_nbd *n = (struct store_nbd *)s;
	struct nbd_request r = {.kind = EXTENT, .at = at, .extent = s->size - at};

	r.len = r.extent < ZERO_LEN ? r.extent : ZERO_LEN;
	if (n->h && nbd_can_meta_context(n->h, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0)
		execute(n, &r);
	*hole = r.hole;
	return r.extent;
}

static int nbd_resize(struct store *s, uint64_t size)
{
	(void)s;
	(void)size;
	return set_error(ENOTSUP, "the size of an NBD disk is its server's");
}

static void nbd_store_close(struct store *s)
{
	struct store_nbd *n = (struct store_nbd *)s;

	nbd_close(n->h);
	free(n->buffer);
	free(n);
}

static const struct store_ops nbd_ops = {
	.read = nbd_read,
	.write = nbd_write,
	.flush = nbd_store_flush,
	.zero = nbd_store_zero,
	.extent = nbd_extent,
	.resize = nbd_resize,
	.close = nbd_store_close,
};

int store_nbd_open(const char *uri, uint32_t block_size, struct store **out)
{
	struct store_nbd *n = calloc(1, sizeof(*n) + strlen(uri) + 1);
	int rc;

	if (!n)
		return set_error(ENOMEM, "no memory left to open %s", uri);
	n->base.ops = &nbd_ops;
	n->base.identity = identity_add(IDENTITY_START, uri, strlen(uri));
	n->block_size = block_size;
	strcpy(n->uri, uri);
	n->buffer = malloc(BUFFER_LEN);
	rc = n->buffer ? attempt(n, OPEN_MS) : set_error(ENOMEM, "no memory left to open %s", uri);
	if (rc) {
		nbd_store_close(&n->base);
		return rc;
	}
	*out = &n->base;
	return 0;
}
