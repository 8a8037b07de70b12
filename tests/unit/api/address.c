/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and their options: every option of the table, and everything invalid. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/error.h>

#include "api.h"
#include "api/address.h"

/* Of the last address. */
static char id[SCSI_WWID_SIZE];

static int parse(const char *address, struct vscsi_dev_opts *opts)
{
	char where[ADDRESS_MAX];
	int err;

	memset(opts, 0, sizeof(*opts));
	err = address_parse(address, where, opts, id);
	return err ? err : address_check(opts);
}

static void test_without_options(void **state)
{
	struct vscsi_dev_opts opts = {.queues = 7};
	char where[ADDRESS_MAX];

	(void)state;
	assert_int_equal(address_parse("vhost-user:/run/a.sock", where, &opts, id), 0);
	assert_string_equal(where, "vhost-user:/run/a.sock");
	assert_int_equal(opts.queues, 7);
	assert_int_equal(address_parse("vhost-user:/run/a.sock?", where, &opts, id), 0);
	assert_string_equal(where, "vhost-user:/run/a.sock");
	assert_int_equal(address_parse("x?queues=3", where, &opts, id), 0);
	assert_string_equal(where, "x");
	assert_int_equal(opts.queues, 3);
}

/* The table of options is what the parser knows: each name with a value that its text names. */
static void test_every_option_of_the_table(void **state)
{
	struct vscsi_dev_option option;
	char address[ADDRESS_MAX];
	struct vscsi_dev_opts opts;
	unsigned i;

	(void)state;
	for (i = 0; vscsi_dev_option(i, &option) == 0; i++) {
		char value[32] = "64K";

		/* Takes any text. */
		if (!strcmp(option.name, "id"))
			continue;
		assert_true(*option.name && *option.values && *option.help);
		if (strstr(option.values, ".."))
			sscanf(strstr(option.values, "..") + 2, "%31[0-9]", value);
		else if (strchr(option.values, '|'))
			strcpy(value, strrchr(option.values, '|') + 1);
		snprintf(address, sizeof(address), "x?%s=%s", option.name, value);
		if (parse(address, &opts))
			fail_msg("%s: %s", address, vscsi_last_error());
		snprintf(address, sizeof(address), "x?%s=nonsense", option.name);
		assert_int_equal(parse(address, &opts), -EINVAL);
		assert_non_null(strstr(vscsi_last_error(), option.name));
		snprintf(address, sizeof(address), "x?%s=", option.name);
		assert_int_equal(parse(address, &opts), -EINVAL);
	}
	assert_true(i >= 20);
	assert_int_equal(vscsi_dev_option(i, &option), -ENOENT);
	assert_int_equal(vscsi_dev_option(UINT32_MAX, &option), -ENOENT);
}

static void test_identity(void **state)
{
	struct vscsi_dev_opts opts;
	char address[256];

	(void)state;
	assert_int_equal(parse("x?queues=2&id=t10.A  B=C&mq=off", &opts), 0);
	assert_string_equal(id, "t10.A  B=C");
	assert_int_equal(opts.queues, 2);
	assert_int_equal(opts.mq, VSCSI_OFF);
	assert_int_equal(parse("x?queues=2", &opts), 0);
	assert_string_equal(id, "");
	assert_int_equal(parse("x?id=", &opts), -EINVAL);
	snprintf(address, sizeof(address), "x?id=%087d", 1);
	assert_int_equal(parse(address, &opts), 0);
	assert_int_equal(strlen(id), 87);
	snprintf(address, sizeof(address), "x?id=%088d", 1);
	assert_int_equal(parse(address, &opts), -EINVAL);
	expect_error_text("option id takes identity");
}

static void test_values_arrive(void **state)
{
	struct vscsi_dev_opts o;

	(void)state;
	assert_int_equal(parse("x?queues=254&queue_size=4&max_segs=15&timeout_ms=3600000", &o), 0);
	assert_int_equal(o.queues, 254);
	assert_int_equal(o.queue_size, 4);
	assert_int_equal(o.max_segs, 15);
	assert_int_equal(o.timeout_ms, 3600000);
	assert_int_equal(parse("x?indirect=on&event_idx=off&hotplug=on&change=off&inout=on", &o),
			 0);
	assert_int_equal(o.indirect, VSCSI_ON);
	assert_int_equal(o.event_idx, VSCSI_OFF);
	assert_int_equal(o.hotplug, VSCSI_ON);
	assert_int_equal(o.change, VSCSI_OFF);
	assert_int_equal(o.inout, VSCSI_ON);
	assert_int_equal(parse("x?mq=off&reply_ack=on&config=off&mem_slots=on&reset_device=off"
			       "&status=on&backend_req=off",
			       &o),
			 0);
	assert_int_equal(o.mq, VSCSI_OFF);
	assert_int_equal(o.reply_ack, VSCSI_ON);
	assert_int_equal(o.config, VSCSI_OFF);
	assert_int_equal(o.mem_slots, VSCSI_ON);
	assert_int_equal(o.reset_device, VSCSI_OFF);
	assert_int_equal(o.status, VSCSI_ON);
	assert_int_equal(o.backend_req, VSCSI_OFF);
	assert_int_equal(parse("x?notify_data=on&notify_config=off", &o), 0);
	assert_int_equal(o.notify_data, VSCSI_ON);
	assert_int_equal(o.notify_config, VSCSI_OFF);
	/* The last one counts. */
	assert_int_equal(parse("x?queues=1&queues=2", &o), 0);
	assert_int_equal(o.queues, 2);
}

static void test_choices(void **state)
{
	static const char *const words[] = {"auto", "group", "iommufd", "none"};
	static const char *const bad[] = {"", "on", "iommu", "iommufdx", "auto|group", "|", "NONE"};
	struct vscsi_dev_opts o;
	char address[64];
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(words); i++) {
		snprintf(address, sizeof(address), "x?iommu=none&iommu=%s", words[i]);
		assert_int_equal(parse(address, &o), 0);
		assert_int_equal(o.iommu, i);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(address, sizeof(address), "x?iommu=%s", bad[i]);
		assert_int_equal(parse(address, &o), -EINVAL);
	}
	o = (struct vscsi_dev_opts){.size = sizeof(o), .iommu = 4};
	assert_int_equal(address_check(&o), -EINVAL);
}

static void test_numbers_of_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} table[] = {{"1", 1},
		     {"4096", 4096},
		     {"0x1000", 4096},
		     {"1k", 1024},
		     {"3K", 3072},
		     {"16M", UINT64_C(16) << 20},
		     {"2g", UINT64_C(2) << 30},
		     {"1T", UINT64_C(1) << 40},
		     {"16777215T", UINT64_C(16777215) << 40},
		     {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"",          "0",         "-1",
					  "+1",        " 1",        "1 ",
					  "1KB",       "1X",        "1.5M",
					  "K",         "0x",        "1KK",
					  "16777216T", "16777217T", "18446744073709551616"};
	char address[64];
	struct vscsi_dev_opts o;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		snprintf(address, sizeof(address), "x?mem=%s", table[i].text);
		assert_int_equal(parse(address, &o), 0);
		assert_true(o.mem_bytes == table[i].bytes);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(address, sizeof(address), "x?mem=%s", bad[i]);
		if (parse(address, &o) != -EINVAL)
			fail_msg("\"%s\" was taken for a number of bytes", bad[i]);
	}
}

static void test_what_is_no_option(void **state)
{
	static const char *const bad[] = {
		"x?queues",
		"x?=1",
		"x?queue=1",
		"x?queuess=1",
		"x?Queues=1",
		"x?queues=0",
		"x?queues=255",
		"x?queues=4294967297",
		"x?queues=1K",
		"x?queue_size=3",
		"x?queue_size=5",
		"x?queue_size=65536",
		"x?queue_size=32769",
		"x?max_segs=0",
		"x?max_segs=16",
		"x?timeout_ms=0",
		"x?timeout_ms=3600001",
		"x?indirect=yes",
		"x?indirect=1",
		"x?indirect=ON",
		"x?indirect=onn",
		"x?queues=1&nope=1",
		"x?reserved=1",
		"x?size=8",
	};
	struct vscsi_dev_opts o;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		if (parse(bad[i], &o) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(strlen(vscsi_last_error()) > 20);
	}
}

static void test_addresses_that_cannot_be(void **state)
{
	char where[ADDRESS_MAX];
	struct vscsi_dev_opts o;
	char *address = malloc(2 * ADDRESS_MAX);

	(void)state;
	/* Opening says that these are of no transport. */
	assert_int_equal(address_parse(NULL, where, &o, id), 0);
	assert_string_equal(where, "");
	assert_int_equal(address_parse("", where, &o, id), 0);
	assert_string_equal(where, "");
	memset(address, 'a', 2 * ADDRESS_MAX);
	address[ADDRESS_MAX - 1] = '\0';
	assert_int_equal(address_parse(address, where, &o, id), 0);
	address[ADDRESS_MAX - 1] = 'a';
	address[ADDRESS_MAX] = '\0';
	assert_int_equal(address_parse(address, where, &o, id), -EINVAL);
	address[2 * ADDRESS_MAX - 1] = '\0';
	assert_int_equal(address_parse(address, where, &o, id), -EINVAL);
	free(address);
}

/* The same limits hold for the struct. */
static void test_options_in_the_struct(void **state)
{
	static const struct vscsi_dev_opts good[] = {{.queues = 254},
						     {.queue_size = 32768},
						     {.max_segs = 15},
						     {.indirect = VSCSI_OFF},
						     {.mem_bytes = 1}};
	static const struct vscsi_dev_opts bad[] = {
		{.queues = 255},     {.queue_size = 2},
		{.queue_size = 100}, {.queue_size = 65536},
		{.max_segs = 16},    {.timeout_ms = 3600001},
		{.indirect = 3},     {.backend_req = UINT32_MAX},
		{.reserved = 1},     {.stats = 3}};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(address_check(&good[i]), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(address_check(&bad[i]), -EINVAL);
}

/* Random text after the '?' is either refused or accepted, with no other effect. */
static void test_random_addresses(void **state)
{
	static const char letters[] = "queuesmxnrot_=&?0123456789KMGToff-: ";
	uint64_t seed = 5;
	unsigned round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		char address[40] = "x?queues=";
		struct vscsi_dev_opts o;
		unsigned i;

		for (i = round % 3 ? 9 : 2; i < sizeof(address) - 1; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			address[i] = letters[(seed >> 40) % (sizeof(letters) - 1)];
			if ((seed >> 33) % 8 == 0)
				break;
		}
		address[i] = '\0';
		if (parse(address, &o) == 0)
			assert_true(o.queues <= 254 && o.max_segs <= 15);
	}
}

int address_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_options),
		cmocka_unit_test(test_every_option_of_the_table),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_values_arrive),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_numbers_of_bytes),
		cmocka_unit_test(test_what_is_no_option),
		cmocka_unit_test(test_addresses_that_cannot_be),
		cmocka_unit_test(test_options_in_the_struct),
		cmocka_unit_test(test_random_addresses),
	};

	return cmocka_run_group_tests_name("api/address", tests, NULL, NULL);
}
