/*
 * The one place that finds libcurl.
 */
#include "agent/util/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* Set once by curl_load, read only afterwards. */
static struct curl curl;

static int load_all(void *library)
{
	const struct {
		const char *name;
		void *place;
	} functions[] = { { "curl_global_init", &curl.global_init },
			  { "curl_easy_init", &curl.easy_init },
			  { "curl_easy_setopt", &curl.easy_setopt },
			  { "curl_easy_perform", &curl.easy_perform },
			  { "curl_easy_getinfo", &curl.easy_getinfo },
			  { "curl_easy_cleanup", &curl.easy_cleanup },
			  { "curl_slist_append", &curl.slist_append },
			  { "curl_slist_free_all", &curl.slist_free_all } };

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = dlsym(library, functions[i].name);

		if (!found)
			return -ENOENT;
		memcpy(functions[i].place, &found, sizeof(found));
	}
	return curl.global_init(CURL_GLOBAL_DEFAULT) ? -EIO : 0;
}

int curl_load(void)
{
	static const char *const names[] = { "libcurl-gnutls.so.4", "libcurl.so.4" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);

		if (library)
			return load_all(library); /* it stays for the process's life */
	}
	return -ENOENT;
}

const struct curl *curl_get(void)
{
	return &curl;
}
