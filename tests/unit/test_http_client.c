/* SPDX-License-Identifier: MIT */
/* A file by HTTP from a firmware and a server that do everything wrong in turn. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/efi/http_client.h"

#define URL	    "http://10.0.2.2:80/boot/firn.conf"
#define HOST	    "10.0.2.2:80"
#define MAX_HEADERS 4
#define MAX_PIECES  8
#define POLLS	    3 /* until an operation ends */
#define TIMER_TICKS 8 /* checks of the timer until it is up */
#define SILENCE	    ((EFI_STATUS)-1)

/* What firmware and server do: by default a file of 10 bytes in two pieces. */
static struct {
	EFI_STATUS create_timer, create_event, create_child, handle, configure, set_timer;
	EFI_STATUS request, request_token;   /* returned, and later in the token */
	EFI_STATUS response, response_token; /* for the header */
	EFI_STATUS body, body_token;	     /* after the last piece */
	EFI_HTTP_STATUS_CODE code;
	const char *headers[MAX_HEADERS][2];
	size_t pieces[MAX_PIECES];
	bool no_memory, ipv6;
} plan;

/* What has become of it. */
static struct {
	unsigned timers, events, children, pool, polls, ticks, piece, cancels, told;
	bool configured, requested, answered;
	EFI_EVENT_NOTIFY notify;
	void *context;
	EFI_HTTP_TOKEN *pending;
	EFI_STATUS outcome;
	u64 allocated, sent;
} now;

EFI_BOOT_SERVICES *BS;
static EFI_HTTP_PROTOCOL http;
static u8 timer_object, event_object, child_object;

static EFI_STATUS EFIAPI create_event(UINT32 type, EFI_TPL tpl, EFI_EVENT_NOTIFY notify,
				      VOID *context, EFI_EVENT *event)
{
	const EFI_STATUS status = type == EVT_TIMER ? plan.create_timer : plan.create_event;

	assert_true(tpl <= TPL_CALLBACK); /* UEFI 29.6.5, EFI_HTTP_TOKEN */
	if (EFI_ERROR(status))
		return status;
	if (type == EVT_TIMER) {
		now.timers++;
		*event = &timer_object;
	} else {
		assert_int_equal(type, EVT_NOTIFY_SIGNAL);
		now.events++;
		now.notify = notify;
		now.context = context;
		*event = &event_object;
	}
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI close_event(EFI_EVENT event)
{
	assert_int_equal(now.children, 0); /* it could signal the event */
	if (event == &timer_object)
		now.timers--;
	else
		now.events--;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_timer(EFI_EVENT event, EFI_TIMER_DELAY type, UINT64 time)
{
	assert_ptr_equal(event, &timer_object);
	assert_int_equal(type, TimerRelative);
	assert_int_equal(time, 300000000); /* 30 s in units of 100 ns */
	now.ticks = 0;
	return plan.set_timer;
}

static EFI_STATUS EFIAPI check_event(EFI_EVENT event)
{
	assert_ptr_equal(event, &timer_object); /* others can't be checked (UEFI 7.1.5) */
	return now.ticks++ < TIMER_TICKS ? EFI_NOT_READY : EFI_SUCCESS;
}

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, EFI_GUID *guid, VOID **protocol)
{
	static const EFI_GUID wanted = EFI_HTTP_PROTOCOL_GUID;

	assert_ptr_equal(handle, &child_object);
	assert_memory_equal(guid, &wanted, sizeof(wanted));
	*protocol = &http;
	return plan.handle;
}

static EFI_STATUS EFIAPI free_pool(VOID *memory)
{
	now.pool--;
	free(memory);
	return EFI_SUCCESS;
}

static void *pool_copy(const void *from, size_t size)
{
	now.pool++;
	return memcpy(malloc(size), from, size);
}

static EFI_BOOT_SERVICES services = {
	.CreateEvent = create_event,
	.CloseEvent = close_event,
	.SetTimer = set_timer,
	.CheckEvent = check_event,
	.HandleProtocol = handle_protocol,
	.FreePool = free_pool,
};

static void end_pending(EFI_STATUS status)
{
	EFI_HTTP_TOKEN *token = now.pending;

	now.pending = NULL;
	if (token) {
		assert_int_equal(now.events, 1);
		token->Status = status;
		now.notify(token->Event, now.context);
	}
}

static EFI_STATUS EFIAPI create_child(EFI_SERVICE_BINDING *this, EFI_HANDLE *child)
{
	(void)this;
	if (!EFI_ERROR(plan.create_child)) {
		*child = &child_object;
		now.children++;
	}
	return plan.create_child;
}

/* What is still pending is ended by this, at the latest. */
static EFI_STATUS EFIAPI destroy_child(EFI_SERVICE_BINDING *this, EFI_HANDLE child)
{
	(void)this;
	assert_ptr_equal(child, &child_object);
	end_pending(EFI_ABORTED);
	now.children--;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI configure(EFI_HTTP_PROTOCOL *this, EFI_HTTP_CONFIG_DATA *config)
{
	(void)this;
	assert_int_equal(config->HttpVersion, HttpVersion11);
	assert_int_equal(config->TimeOutMillisec, HTTP_PATIENCE_MS);
	assert_int_equal(config->LocalAddressIsIPv6, plan.ipv6);
	if (plan.ipv6)
		assert_int_equal(config->AccessPoint.IPv6Node->LocalAddress.Addr[15], 16);
	else
		assert_int_equal(config->AccessPoint.IPv4Node->LocalAddress.Addr[3], 15);
	now.configured = true;
	return plan.configure;
}

static void begin(EFI_HTTP_TOKEN *token, EFI_STATUS outcome)
{
	assert_null(now.pending);
	assert_ptr_equal(token->Event, &event_object);
	now.pending = token;
	now.outcome = outcome;
	now.polls = 0;
}

static EFI_STATUS EFIAPI request(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token)
{
	static const char url[] = URL;
	const EFI_HTTP_MESSAGE *m = token->Message;

	(void)this;
	assert_true(now.configured && !now.requested);
	now.requested = true;
	assert_int_equal(m->Data.Request->Method, HttpMethodGet);
	for (size_t i = 0; i < sizeof(url); i++)
		assert_int_equal(m->Data.Request->Url[i], url[i]);
	assert_true(m->HeaderCount >= 1);
	assert_string_equal((char *)m->Headers[0].FieldName, "Host");
	assert_string_equal((char *)m->Headers[0].FieldValue, HOST);
	assert_int_equal(m->BodyLength, 0);
	assert_null(m->Body);
	if (!EFI_ERROR(plan.request))
		begin(token, plan.request_token);
	return plan.request;
}

static void put_headers(EFI_HTTP_MESSAGE *m)
{
	EFI_HTTP_HEADER headers[MAX_HEADERS];

	while (m->HeaderCount < MAX_HEADERS && plan.headers[m->HeaderCount][0]) {
		const char *const *h = plan.headers[m->HeaderCount];

		headers[m->HeaderCount++] = (EFI_HTTP_HEADER){ pool_copy(h[0], strlen(h[0]) + 1),
							       pool_copy(h[1], strlen(h[1]) + 1) };
	}
	if (m->HeaderCount)
		m->Headers = pool_copy(headers, m->HeaderCount * sizeof(*headers));
}

static EFI_STATUS respond_head(EFI_HTTP_TOKEN *token)
{
	EFI_HTTP_MESSAGE *m = token->Message;

	assert_true(now.requested && !now.answered && !m->Headers && !m->HeaderCount);
	now.answered = true;
	if (EFI_ERROR(plan.response))
		return plan.response;
	if (!EFI_ERROR(plan.response_token))
		put_headers(m);
	else /* EDK II leaves a pointer to freed memory here */
		m->Headers = (void *)1;
	if (plan.response_token != SILENCE)
		m->Data.Response->StatusCode = plan.code;
	begin(token, plan.response_token);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI response(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token)
{
	EFI_HTTP_MESSAGE *m = token->Message;
	const size_t piece = now.piece < MAX_PIECES ? plan.pieces[now.piece] : 0;

	(void)this;
	if (m->Data.Response)
		return respond_head(token);
	assert_true(now.answered && now.told);
	assert_non_null(m->Body);
	assert_true(m->BodyLength && m->BodyLength <= now.allocated - now.sent);
	if (!piece && EFI_ERROR(plan.body))
		return plan.body;
	if (!piece) {
		m->BodyLength = 0;
		begin(token, plan.body_token);
		return EFI_SUCCESS;
	}
	for (size_t i = 0; i < MIN(piece, m->BodyLength); i++)
		((u8 *)m->Body)[i] = (u8)(now.sent + i);
	now.sent += MIN(piece, m->BodyLength);
	m->BodyLength = piece;
	now.piece++;
	begin(token, EFI_SUCCESS);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI poll(EFI_HTTP_PROTOCOL *this)
{
	(void)this;
	if (now.pending && now.outcome != SILENCE && ++now.polls == POLLS)
		end_pending(now.outcome);
	return EFI_SUCCESS;
}

/* EDK II does not always find what it shall cancel. */
static EFI_STATUS EFIAPI cancel(EFI_HTTP_PROTOCOL *this, EFI_HTTP_TOKEN *token)
{
	(void)this;
	assert_ptr_equal(token, now.pending);
	now.cancels++;
	return EFI_NOT_FOUND;
}

static EFI_HTTP_PROTOCOL http = { .Configure = configure,
				  .Request = request,
				  .Cancel = cancel,
				  .Response = response,
				  .Poll = poll };
static EFI_SERVICE_BINDING binding = { create_child, destroy_child };

u64 memory_allocate(u64 bytes)
{
	assert_int_equal(now.allocated, 0);
	if (plan.no_memory || bytes > MiB * 16)
		return 0;
	now.allocated = MAX(bytes, 1);
	return (u64)malloc(now.allocated);
}

void memory_free(u64 base, u64 bytes)
{
	assert_int_equal(now.allocated, MAX(bytes, 1));
	now.allocated = 0;
	free((void *)base);
}

static void told(const char *url, u64 size)
{
	assert_string_equal(url, URL);
	assert_int_equal(MAX(size, 1), now.allocated);
	now.told++;
}

static int setup(void **state)
{
	(void)state;
	BS = &services;
	memset(&now, 0, sizeof(now));
	memset(&plan, 0, sizeof(plan));
	plan.code = HTTP_STATUS_200_OK;
	plan.headers[0][0] = "Server";
	plan.headers[0][1] = "test";
	plan.headers[1][0] = "content-length";
	plan.headers[1][1] = "10";
	plan.pieces[0] = 4;
	plan.pieces[1] = 6;
	return 0;
}

static EFI_STATUS get(struct http_file *file)
{
	const bool silent = plan.request_token == SILENCE || plan.response_token == SILENCE ||
			    plan.body_token == SILENCE;
	const struct http_client client = {
		.binding = &binding,
		.ipv6 = plan.ipv6,
		.v4 = { .LocalAddress = { { 10, 0, 2, 15 } } },
		.v6 = { .LocalAddress = { { [0] = 0xfd, [15] = 16 } } },
	};
	EFI_STATUS status;

	memset(file, 0xaa, sizeof(*file));
	status = http_get(&client, URL, HOST, file, told);
	assert_int_equal(now.timers + now.events + now.children + now.pool, 0);
	assert_null(now.pending);
	assert_int_equal(now.cancels, silent);
	return status;
}

static void assert_loaded(u64 size)
{
	struct http_file file;

	assert_int_equal(get(&file), EFI_SUCCESS);
	assert_int_equal(file.size, size);
	assert_non_null(file.base);
	assert_null(file.problem);
	assert_int_equal(now.told, 1);
	assert_int_equal(now.sent, size);
	for (u64 i = 0; i < size; i++)
		assert_int_equal(((u8 *)file.base)[i], (u8)i);
	memory_free(file.base, file.size);
}

/* Fails with this status, and this text, and keeps no memory. */
static void assert_fails(EFI_STATUS wanted, const char *problem)
{
	struct http_file file;
	const EFI_STATUS status = get(&file);

	assert_int_equal(status, wanted);
	assert_int_equal(file.base, 0);
	assert_int_equal(now.allocated, 0);
	assert_int_equal(file.received, now.told ? now.sent : 0);
	if (!problem)
		assert_null(file.problem);
	else if (!file.problem || !strstr(file.problem, problem))
		fail_msg("\"%s\" instead of \"%s\"", file.problem ? file.problem : "", problem);
	setup(NULL);
}

static void in_pieces(void **state)
{
	(void)state;
	assert_loaded(10);
}

static void over_ipv6(void **state)
{
	(void)state;
	plan.ipv6 = true;
	assert_loaded(10);
}

static void empty_file(void **state)
{
	(void)state;
	plan.headers[1][1] = "0";
	assert_loaded(0);
}

/* More than is asked for at once; the server's pieces are as large as they may be. */
static void large_file(void **state)
{
	(void)state;
	plan.headers[1][1] = "2097153";
	plan.pieces[0] = plan.pieces[1] = MiB;
	plan.pieces[2] = 1;
	assert_loaded(2 * MiB + 1);
}

/* Each call that can fail, before there is an answer. */
static void firmware_fails(void **state)
{
	EFI_STATUS *const steps[] = { &plan.create_timer,  &plan.create_event,	&plan.create_child,
				      &plan.handle,	   &plan.configure,	&plan.set_timer,
				      &plan.request,	   &plan.request_token, &plan.response,
				      &plan.response_token };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		*steps[i] = EFI_DEVICE_ERROR;
		assert_fails(EFI_DEVICE_ERROR, NULL);
	}
}

static void silence(void **state)
{
	EFI_STATUS *const steps[] = { &plan.request_token, &plan.response_token, &plan.body_token };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		*steps[i] = SILENCE;
		plan.pieces[1] = 0;
		assert_fails(EFI_TIMEOUT, NULL);
	}
}

/* The patience begins anew with each piece. */
static void slow_server(void **state)
{
	(void)state;
	plan.headers[1][1] = "8";
	for (size_t i = 0; i < MAX_PIECES; i++)
		plan.pieces[i] = 1;
	assert_loaded(8);
}

static void statuses(void **state)
{
	static const struct {
		EFI_HTTP_STATUS_CODE code;
		const char *problem;
	} cases[] = {
		{ HTTP_STATUS_301_MOVED_PERMANENTLY, "HTTP status 301, redirects are not" },
		{ HTTP_STATUS_302_FOUND, "HTTP status 302, redirects are not" },
		{ HTTP_STATUS_307_TEMPORARY_REDIRECT, "HTTP status 307, redirects are not" },
		{ HTTP_STATUS_308_PERMANENT_REDIRECT, "HTTP status 308, redirects are not" },
		{ HTTP_STATUS_404_NOT_FOUND, "HTTP status 404, File not found" },
		{ HTTP_STATUS_503_SERVICE_UNAVAILABLE, "HTTP status 503" },
		{ HTTP_STATUS_UNSUPPORTED_STATUS, "unusual" },
		{ 4, "unusual" }, /* 201 */
		{ 9, "unusual" }, /* 206: only a part */
		{ HTTP_STATUS_308_PERMANENT_REDIRECT + 1, "unusual" },
		{ -1, "unusual" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		plan.code = cases[i].code;
		assert_fails(EFI_HTTP_ERROR, cases[i].problem);
		plan.code = cases[i].code;
		plan.response_token = EFI_HTTP_ERROR;
		assert_fails(EFI_HTTP_ERROR, cases[i].problem);
	}
}

static void no_size(void **state)
{
	static const struct {
		const char *name, *value, *problem;
	} cases[] = {
		{ NULL, NULL, "does not tell its size" },
		{ "Content-Lengths", "10", "does not tell its size" },
		{ "Content-Length", "", "no number" },
		{ "Content-Length", "-1", "no number" },
		{ "Content-Length", "18446744073709551616", "no number" },
		{ "Transfer-Encoding", "chunked", "encoded" },
		{ "Content-Encoding", "gzip", "encoded" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		plan.headers[1][0] = cases[i].name;
		plan.headers[1][1] = cases[i].value;
		assert_fails(EFI_HTTP_ERROR, cases[i].problem);
	}
}

static void contradictions(void **state)
{
	(void)state;
	plan.headers[2][0] = "Content-Length";
	plan.headers[2][1] = "11";
	assert_fails(EFI_HTTP_ERROR, "no number");
	plan.headers[2][0] = "transfer-encoding";
	plan.headers[2][1] = "chunked";
	assert_fails(EFI_HTTP_ERROR, "encoded");
}

static void no_memory(void **state)
{
	(void)state;
	plan.no_memory = true;
	assert_fails(EFI_OUT_OF_RESOURCES, "no memory");
	plan.headers[1][1] = "18446744073709551615";
	assert_fails(EFI_OUT_OF_RESOURCES, "no memory");
}

static void cut_off(void **state)
{
	(void)state;
	plan.pieces[1] = 0; /* a success without a byte must not be waited for again and again */
	assert_fails(EFI_END_OF_FILE, NULL);
	plan.pieces[1] = 0;
	plan.body_token = EFI_CONNECTION_FIN;
	assert_fails(EFI_CONNECTION_FIN, NULL);
	plan.pieces[1] = 0;
	plan.body = EFI_DEVICE_ERROR;
	assert_fails(EFI_DEVICE_ERROR, NULL);
}

/* Firmware that says it wrote more than there was room for. */
static void too_much(void **state)
{
	struct http_file file;

	(void)state;
	plan.pieces[1] = 7;
	assert_int_equal(get(&file), EFI_END_OF_FILE);
	assert_int_equal(file.received, 4);
	assert_int_equal(now.allocated, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_pieces),      TEST(over_ipv6), TEST(empty_file),     TEST(large_file),
		TEST(firmware_fails), TEST(silence),   TEST(slow_server),    TEST(statuses),
		TEST(no_size),	      TEST(no_memory), TEST(contradictions), TEST(cut_off),
		TEST(too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
