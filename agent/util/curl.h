/*
 * libcurl by dlopen(3): Debian has it with GnuTLS and with OpenSSL under two names, and twenty more
 * libraries come with it. Only http.c and smtp.c include this.
 */
#ifndef SLUICE_UTIL_CURL_H
#define SLUICE_UTIL_CURL_H

#include <curl/curl.h>

/* Its functions under their own names. */
struct curl {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
	CURLcode (*easy_perform)(CURL *handle);
	CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
	void (*easy_cleanup)(CURL *handle);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
};

/* curl_load - find it, once and before rights are dropped. -ENOENT. */
int curl_load(void);
/* curl_get - static; its functions are NULL until it was loaded. */
const struct curl *curl_get(void);

#endif
