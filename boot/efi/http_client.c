/* SPDX-License-Identifier: MIT */
/* One file by HTTP: EFI_HTTP_PROTOCOL (UEFI 29.6), a child of the service binding for each file. */
#include "boot/efi/http_client.h"

#include <string.h>

#include "boot/efi/http_url.h"

#define TICKS_PER_MS 10000 /* timers count 100 ns */
#define CHUNK	     MiB   /* at most so much of a body is asked for at once */

struct transfer {
	EFI_HTTP_PROTOCOL *http;
	EFI_EVENT timer;
	EFI_HTTP_TOKEN token;
	EFI_HTTP_MESSAGE message;
	volatile BOOLEAN done; /* set by the token's event */
};

static VOID EFIAPI on_done(EFI_EVENT event, VOID *context)
{
	struct transfer *t = context;

	(void)event;
	t->done = TRUE;
}

/* Starts what token and message describe, and waits for its end. */
static EFI_STATUS perform(struct transfer *t,
			  EFI_STATUS(EFIAPI *start)(EFI_HTTP_PROTOCOL *, EFI_HTTP_TOKEN *))
{
	EFI_STATUS status;

	t->done = FALSE;
	t->token.Status = EFI_NOT_READY;
	status = BS->SetTimer(t->timer, TimerRelative, (UINT64)HTTP_PATIENCE_MS * TICKS_PER_MS);
	if (!EFI_ERROR(status))
		status = start(t->http, &t->token);
	if (EFI_ERROR(status))
		return status;
	while (!t->done && BS->CheckEvent(t->timer) == EFI_NOT_READY)
		t->http->Poll(t->http);
	if (t->done)
		return t->token.Status;
	t->http->Cancel(t->http, &t->token);
	return EFI_TIMEOUT;
}

static EFI_STATUS request(struct transfer *t, const char *url, const char *host)
{
	EFI_HTTP_HEADER headers[] = {
		{ (CHAR8 *)"Host", (CHAR8 *)host },
		{ (CHAR8 *)"Accept", (CHAR8 *)"*/*" },
		{ (CHAR8 *)"User-Agent", (CHAR8 *)"Firn" },
	};
	CHAR16 wide[HTTP_URL_MAX];
	EFI_HTTP_REQUEST_DATA data = { .Method = HttpMethodGet, .Url = wide };
	size_t i = 0;

	for (; url[i]; i++)
		wide[i] = (CHAR16)url[i];
	wide[i] = L'\0';
	t->message = (EFI_HTTP_MESSAGE){ .Data.Request = &data,
					 .HeaderCount = ARRAY_SIZE(headers),
					 .Headers = headers };
	return perform(t, t->http->Request);
}

/*
 * The size is only known when exactly one field tells it, and only right when the body is sent as
 * it is (RFC 9112, 6.3).
 */
static const char *read_size(const EFI_HTTP_MESSAGE *message, u64 *size)
{
	const char *problem = NULL;
	bool found = false;

	for (UINTN i = 0; i < message->HeaderCount && !problem; i++) {
		const char *name = (const char *)message->Headers[i].FieldName;
		const char *value = (const char *)message->Headers[i].FieldValue;

		if (http_same_field(name, "Transfer-Encoding") || http_same_field(name, "Content-"
											"Encoding"))
			problem = "the server sends it encoded";
		if (!http_same_field(name, "Content-Length"))
			continue;
		if (found || !http_length_read(value, size))
			problem = "the server's Content-Length is no number";
		found = true;
	}
	if (!problem && !found)
		problem = "the server does not tell its size (Content-Length)";
	return problem;
}

static void free_headers(EFI_HTTP_MESSAGE *message)
{
	for (UINTN i = 0; i < message->HeaderCount; i++) {
		BS->FreePool(message->Headers[i].FieldName);
		BS->FreePool(message->Headers[i].FieldValue);
	}
	if (message->Headers)
		BS->FreePool(message->Headers);
}

static const char *status_problem(EFI_HTTP_STATUS_CODE code)
{
#define REDIRECT(code) "HTTP status " code ", redirects are not followed"
	static const char *const problems[] = {
		[HTTP_STATUS_300_MULTIPLE_CHOICES] = REDIRECT("300"),
		[HTTP_STATUS_301_MOVED_PERMANENTLY] = REDIRECT("301"),
		[HTTP_STATUS_302_FOUND] = REDIRECT("302"),
		[HTTP_STATUS_303_SEE_OTHER] = REDIRECT("303"),
		[HTTP_STATUS_305_USE_PROXY] = REDIRECT("305"),
		[HTTP_STATUS_307_TEMPORARY_REDIRECT] = REDIRECT("307"),
		[HTTP_STATUS_308_PERMANENT_REDIRECT] = REDIRECT("308"),
		[HTTP_STATUS_400_BAD_REQUEST] = "HTTP status 400, Bad Request",
		[HTTP_STATUS_401_UNAUTHORIZED] = "HTTP status 401, Unauthorized",
		[HTTP_STATUS_403_FORBIDDEN] = "HTTP status 403, Forbidden",
		[HTTP_STATUS_404_NOT_FOUND] = "HTTP status 404, File not found",
		[HTTP_STATUS_405_METHOD_NOT_ALLOWED] = "HTTP status 405, Method Not Allowed",
		[HTTP_STATUS_406_NOT_ACCEPTABLE] = "HTTP status 406, Not Acceptable",
		[HTTP_STATUS_407_PROXY_AUTHENTICATION_REQUIRED] = "HTTP status 407, Proxy "
								  "Authentication Required",
		[HTTP_STATUS_410_GONE] = "HTTP status 410, Gone",
		[HTTP_STATUS_414_REQUEST_URI_TOO_LARGE] = "HTTP status 414, URI Too Long",
		[HTTP_STATUS_500_INTERNAL_SERVER_ERROR] = "HTTP status 500, Internal Server Error",
		[HTTP_STATUS_501_NOT_IMPLEMENTED] = "HTTP status 501, Not Implemented",
		[HTTP_STATUS_502_BAD_GATEWAY] = "HTTP status 502, Bad Gateway",
		[HTTP_STATUS_503_SERVICE_UNAVAILABLE] = "HTTP status 503, Service Unavailable",
		[HTTP_STATUS_504_GATEWAY_TIME_OUT] = "HTTP status 504, Gateway Timeout",
		[HTTP_STATUS_505_HTTP_VERSION_NOT_SUPPORTED] = "HTTP status 505, HTTP Version Not "
							       "Supported",
	};
#undef REDIRECT
	const char *problem = (u32)code < ARRAY_SIZE(problems) ? problems[code] : NULL;

	if (!problem && code != HTTP_STATUS_200_OK)
		problem = "the server answered with an unusual HTTP status";
	return problem;
}

/* The answer without its body: the server's status, and the file's size. */
static EFI_STATUS receive_head(struct transfer *t, struct http_file *file)
{
	EFI_HTTP_RESPONSE_DATA data = { .StatusCode = HTTP_STATUS_UNSUPPORTED_STATUS };
	EFI_STATUS status;

	t->message = (EFI_HTTP_MESSAGE){ .Data.Response = &data };
	status = perform(t, t->http->Response);
	if (status == EFI_HTTP_ERROR || !EFI_ERROR(status))
		file->problem = status_problem(data.StatusCode);
	if (!EFI_ERROR(status)) {
		if (!file->problem)
			file->problem = read_size(&t->message, &file->size);
		free_headers(&t->message);
		if (file->problem)
			status = EFI_HTTP_ERROR;
	}
	return status;
}

static EFI_STATUS receive_body(struct transfer *t, struct http_file *file)
{
	EFI_STATUS status = EFI_SUCCESS;

	while (file->received < file->size && !EFI_ERROR(status)) {
		const u64 room = MIN(CHUNK, file->size - file->received);

		t->message = (EFI_HTTP_MESSAGE){ .BodyLength = room,
						 .Body = (void *)(file->base + file->received) };
		status = perform(t, t->http->Response);
		if (!EFI_ERROR(status) && (!t->message.BodyLength || t->message.BodyLength > room))
			status = EFI_END_OF_FILE;
		if (!EFI_ERROR(status))
			file->received += t->message.BodyLength;
	}
	return status;
}

static EFI_STATUS configure(EFI_HTTP_PROTOCOL *http, const struct http_client *client)
{
	EFI_HTTPv4_ACCESS_POINT v4 = client->v4;
	EFI_HTTPv6_ACCESS_POINT v6 = client->v6;
	EFI_HTTP_CONFIG_DATA config = { .HttpVersion = HttpVersion11,
					.TimeOutMillisec = HTTP_PATIENCE_MS,
					.LocalAddressIsIPv6 = client->ipv6 };

	if (client->ipv6)
		config.AccessPoint.IPv6Node = &v6;
	else
		config.AccessPoint.IPv4Node = &v4;
	return http->Configure(http, &config);
}

/* With a child and its events: everything that can fail without anything to undo but the memory. */
static EFI_STATUS get(struct transfer *t, const struct http_client *client, const char *url,
		      const char *host, struct http_file *file,
		      void (*told)(const char *url, u64 size))
{
	EFI_STATUS status = configure(t->http, client);

	if (!EFI_ERROR(status))
		status = request(t, url, host);
	if (!EFI_ERROR(status))
		status = receive_head(t, file);
	if (EFI_ERROR(status))
		return status;
	file->base = memory_allocate(file->size);
	if (!file->base) {
		file->problem = "no memory to load it";
		return EFI_OUT_OF_RESOURCES;
	}
	told(url, file->size);
	status = receive_body(t, file);
	if (EFI_ERROR(status)) {
		memory_free(file->base, file->size);
		file->base = 0;
	}
	return status;
}

static EFI_STATUS create_events(struct transfer *t)
{
	EFI_STATUS status = BS->CreateEvent(EVT_TIMER, TPL_CALLBACK, NULL, NULL, &t->timer);

	if (!EFI_ERROR(status)) {
		status = BS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_done, t,
					 &t->token.Event);
		if (EFI_ERROR(status))
			BS->CloseEvent(t->timer);
	}
	return status;
}

EFI_STATUS http_get(const struct http_client *client, const char *url, const char *host,
		    struct http_file *file, void (*told)(const char *url, u64 size))
{
	static EFI_GUID guid = EFI_HTTP_PROTOCOL_GUID;
	struct transfer t = { .token.Message = &t.message };
	EFI_HANDLE child = NULL;
	EFI_STATUS status;

	*file = (struct http_file){ 0 };
	status = create_events(&t);
	if (EFI_ERROR(status))
		return status;
	status = client->binding->CreateChild(client->binding, &child);
	if (!EFI_ERROR(status)) {
		status = BS->HandleProtocol(child, &guid, (void **)&t.http);
		if (!EFI_ERROR(status))
			status = get(&t, client, url, host, file, told);
		/* Ends whatever is still under way, so that nothing refers to t any more. */
		client->binding->DestroyChild(client->binding, child);
	}
	BS->CloseEvent(t.token.Event);
	BS->CloseEvent(t.timer);
	return status;
}
