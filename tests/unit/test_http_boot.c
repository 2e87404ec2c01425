/* SPDX-License-Identifier: MIT */
/* HTTP boot: what the loader's device path says, and what is told when a file does not come. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/http_client.h"
#include "boot/efi/network.h"

#define PATH_SIZE 1600
#define URI	  "http://10.0.2.2:80/boot/BOOTX64.EFI"

static struct {
	u8 path[PATH_SIZE];
	size_t size;
	bool no_path, no_binding;
	EFI_STATUS status; /* of http_get() */
	struct http_file file;
} plan;

static struct {
	struct http_client client;
	char url[256], host[64], note[512];
	u64 base, size;
	unsigned loads;
} now;

static EFI_SERVICE_BINDING binding;
static u8 image_handle, device_handle;

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, EFI_GUID *guid, VOID **protocol)
{
	static const EFI_GUID path = EFI_LOADED_IMAGE_DEVICE_PATH_PROTOCOL_GUID;
	static const EFI_GUID service = EFI_HTTP_SERVICE_BINDING_PROTOCOL_GUID;

	if (handle == &image_handle) {
		assert_memory_equal(guid, &path, sizeof(path));
		*protocol = plan.path;
		return plan.no_path ? EFI_UNSUPPORTED : EFI_SUCCESS;
	}
	assert_ptr_equal(handle, &device_handle);
	assert_memory_equal(guid, &service, sizeof(service));
	*protocol = &binding;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI locate_device_path(EFI_GUID *guid, EFI_DEVICE_PATH **path,
					    EFI_HANDLE *device)
{
	static const EFI_GUID service = EFI_HTTP_SERVICE_BINDING_PROTOCOL_GUID;

	assert_memory_equal(guid, &service, sizeof(service));
	assert_ptr_equal(*path, plan.path);
	*device = &device_handle;
	return plan.no_binding ? EFI_NOT_FOUND : EFI_SUCCESS;
}

static EFI_BOOT_SERVICES services = { .HandleProtocol = handle_protocol,
				      .LocateDevicePath = locate_device_path };

EFI_STATUS http_get(const struct http_client *client, const char *url, const char *host,
		    struct http_file *file, void (*told)(const char *url, u64 size))
{
	assert_non_null(told);
	now.client = *client;
	strncpy(now.url, url, sizeof(now.url) - 1);
	strncpy(now.host, host, sizeof(now.host) - 1);
	*file = plan.file;
	return plan.status;
}

void network_load_all(struct network_source *source)
{
	now.loads++;
	now.base = source->fetch(source, "firn.conf", &now.size);
}

static void take_note(const char *what, const char *problem)
{
	assert_string_equal(now.note, "");
	strcpy(now.note, what);
	strcat(now.note, ": ");
	strcat(now.note, problem);
}

void network_note(struct loader *l, const char *what, const CHAR16 *text)
{
	char narrow[256];
	size_t i = 0;

	(void)l;
	for (; text[i] && i < sizeof(narrow) - 1; i++)
		narrow[i] = (char)text[i];
	narrow[i] = '\0';
	take_note(what, narrow);
}

void console_note(struct loader *l, const char *what, const char *problem, EFI_STATUS status)
{
	(void)l;
	assert_int_equal(status, EFI_SUCCESS);
	take_note(what, problem);
}

static void put(const void *bytes, size_t size)
{
	memcpy(plan.path + plan.size, bytes, size);
	plan.size += size;
}

static void put_node(u8 type, u8 subtype, const void *data, size_t size)
{
	put((u8[]){ type, subtype, (u8)(size + 4), (u8)((size + 4) >> 8) }, 4);
	put(data, size);
}

static void put_mac(void)
{
	static const u8 mac[33] = { 0x52, 0x54 };

	put_node(MESSAGING_DEVICE_PATH, MSG_MAC_ADDR_DP, mac, sizeof(mac));
}

/* Local address, remote address, ports, protocol, static, gateway, mask; cut to size. */
static void put_ipv4(u8 host, u8 mask, size_t size)
{
	const u8 node[] = { host, 0, 0, host, 10, 0, 2, 2,    0,    0,	  80, 0,
			    6,	  0, 0, 10,   0,  2, 2, mask, mask, mask, 0 };

	put_node(MESSAGING_DEVICE_PATH, MSG_IPv4_DP, node, size);
}

static void put_uri(const char *uri)
{
	put_node(MESSAGING_DEVICE_PATH, MSG_URI_DP, uri, strlen(uri));
}

static void put_end(void)
{
	put_node(END_DEVICE_PATH_TYPE, END_ENTIRE_DEVICE_PATH_SUBTYPE, "", 0);
}

static int setup(void **state)
{
	(void)state;
	BS = &services;
	memset(&plan, 0, sizeof(plan));
	memset(&now, 0, sizeof(now));
	plan.file = (struct http_file){ .base = 0x1000, .size = 7, .received = 7 };
	return 0;
}

static bool load(void)
{
	struct handover h = { .config_name = "firn.conf" };
	struct loader l = { .handle = &image_handle, .h = &h };

	return http_load_files(&l);
}

static void usual_path(void)
{
	put_mac();
	put_ipv4(10, 255, 23);
	put_uri(URI);
	put_end();
}

static void from_the_folder(void **state)
{
	(void)state;
	usual_path();
	assert_true(load());
	assert_int_equal(now.loads, 1);
	assert_string_equal(now.url, "http://10.0.2.2:80/boot/firn.conf");
	assert_string_equal(now.host, "10.0.2.2:80");
	assert_ptr_equal(now.client.binding, &binding);
	assert_false(now.client.ipv6 || now.client.v4.UseDefaultAddress);
	assert_memory_equal(&now.client.v4.LocalAddress, ((u8[]){ 10, 0, 0, 10 }), 4);
	assert_memory_equal(&now.client.v4.LocalSubnet, ((u8[]){ 255, 255, 255, 0 }), 4);
	assert_int_equal(now.client.v4.LocalPort, 0);
	assert_int_equal(now.base, 0x1000);
	assert_int_equal(now.size, 7);
	assert_string_equal(now.note, "");
}

/* Nodes of UEFI before 2.1 have no mask, and some firmware does not fill them in. */
static void default_address(void **state)
{
	static const struct {
		u8 host, mask;
		size_t size;
	} cases[] = { { 10, 255, 15 }, { 10, 255, 22 }, { 0, 255, 23 }, { 10, 0, 23 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		put_mac();
		put_ipv4(cases[i].host, cases[i].mask, cases[i].size);
		put_uri(URI);
		put_end();
		assert_true(load());
		assert_int_equal(now.loads, 1);
		assert_true(now.client.v4.UseDefaultAddress);
	}
}

/* An old or a cut node leaves the choice to the firmware. */
static void over_ipv6(void **state)
{
	static const size_t sizes[] = { 16, 39, 56, 15, 0 };
	static const u8 node[56] = { 0xfd, [15] = 7, [16] = 0xfd, [31] = 1 };
	static const EFI_IPv6_ADDRESS none;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		setup(state);
		put_mac();
		put_node(MESSAGING_DEVICE_PATH, MSG_IPv6_DP, node, sizes[i]);
		put_uri("http://[fd00::1]/a/b.efi");
		put_end();
		assert_true(load());
		assert_true(now.client.ipv6);
		assert_string_equal(now.url, "http://[fd00::1]/a/firn.conf");
		assert_string_equal(now.host, "[fd00::1]");
		assert_memory_equal(&now.client.v6.LocalAddress,
				    sizes[i] < 16 ? (const void *)&none : node, sizeof(none));
		assert_int_equal(now.client.v6.LocalPort, 0);
	}
}

/* The firmware appends the URI that it really used. */
static void last_uri_counts(void **state)
{
	(void)state;
	put_mac();
	put_ipv4(10, 255, 23);
	put_uri("");
	put_uri("http://h/a/b.efi");
	put_end();
	assert_true(load());
	assert_string_equal(now.url, "http://h/a/firn.conf");
}

static void uri_with_nul(void **state)
{
	(void)state;
	put_mac();
	put_ipv4(10, 255, 23);
	put_node(MESSAGING_DEVICE_PATH, MSG_URI_DP, "http://h/a/b.efi\0junk", 21);
	put_end();
	assert_true(load());
	assert_string_equal(now.url, "http://h/a/firn.conf");
}

static void from_elsewhere(void **state)
{
	plan.no_path = true;
	assert_false(load());
	setup(state);
	put_mac();
	put_end();
	put_uri(URI); /* behind the end */
	assert_false(load());
	setup(state);
	put_node(MEDIA_DEVICE_PATH, MSG_URI_DP, URI, sizeof(URI)); /* no messaging node */
	put_end();
	assert_false(load());
	setup(state);
	put((u8[]){ MESSAGING_DEVICE_PATH, MSG_MAC_ADDR_DP, 0, 0 }, 4); /* would never end */
	assert_false(load());
	setup(state);
	put((u8[]){ MESSAGING_DEVICE_PATH, MSG_URI_DP, 3, 0 }, 4);
	assert_false(load());
	assert_int_equal(now.loads, 0);
	assert_string_equal(now.note, "");
}

static void assert_told(const char *note)
{
	assert_true(load());
	assert_int_equal(now.loads, 0);
	assert_string_equal(now.note, note);
}

static void cannot_be_used(void **state)
{
	char longest[1200];

	put_mac();
	put_uri(URI);
	put_end();
	assert_told("firn.conf: not loaded: the firmware does not tell this machine's address");

	setup(state);
	usual_path();
	plan.no_binding = true;
	assert_told("firn.conf: not loaded: the firmware has no HTTP client for programs");

	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "http://h/", sizeof("http://h/") - 1);
	longest[sizeof(longest) - 2] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setup(state);
	put_mac();
	put_ipv4(10, 255, 23);
	put_uri(longest);
	put_end();
	assert_told("firn.conf: not loaded: the loader's own URI cannot be used");
}

static void failures(void **state)
{
	static const struct {
		EFI_STATUS status;
		const char *problem;
		u64 received;
		const char *text;
	} cases[] = {
		{ EFI_HTTP_ERROR, "HTTP status 404, File not found", 0,
		  "HTTP status 404, File not found" },
		{ EFI_TIMEOUT, NULL, 0, "Time out" },
		{ EFI_CONNECTION_REFUSED, NULL, 0, "the server refused the connection" },
		{ EFI_CONNECTION_FIN, NULL, 3,
		  "3 of 7 bytes, then the server closed the connection" },
		{ EFI_OUT_OF_RESOURCES, "no memory to load it", 0, "no memory to load it" },
	};
	static const char start[] = "boot/firn.conf: not loaded from 10.0.2.2:80: ";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(state);
		usual_path();
		plan.status = cases[i].status;
		plan.file = (struct http_file){ .size = 7,
						.received = cases[i].received,
						.problem = cases[i].problem };
		assert_true(load());
		assert_int_equal(now.base, 0);
		assert_memory_equal(now.note, start, sizeof(start) - 1);
		assert_string_equal(now.note + sizeof(start) - 1, cases[i].text);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_the_folder), TEST(default_address), TEST(over_ipv6),
		TEST(last_uri_counts), TEST(uri_with_nul),    TEST(from_elsewhere),
		TEST(cannot_be_used),  TEST(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
