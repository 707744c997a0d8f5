/* What may be a password, a user's name, an address of e-mail. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "agent/auth/internal.h"
#include "agent/util/utf8.h"

#define PASSWORD_CHARS_MIN 12  /* ASVS 4.0.3 2.1.1 */
#define PASSWORD_CHARS_MAX 128 /* 2.1.2 */
/* Fewer different bytes than that is a pattern: "aaaaaaaaaaaa", "abababababab". */
#define DIFFERENT_BYTES_MIN 5

/*
 * Common ones of at least 12 characters (ASVS 4.0.3 2.1.7); shorter ones are refused anyway.
 * Source: the long entries at the head of public lists of leaked passwords.
 */
static const char *const common[] = {
	"123456789012",
	"1234567890123",
	"12345678901234",
	"123456789012345",
	"1234567890123456",
	"012345678901",
	"098765432109",
	"987654321098",
	"123456789123",
	"123123123123",
	"123456123456",
	"1q2w3e4r5t6y",
	"1q2w3e4r5t6y7u",
	"1qaz2wsx3edc",
	"1qaz2wsx3edc4rfv",
	"qazwsxedcrfv",
	"qwertyuiopas",
	"qwertyuiop12",
	"qwertyuiop123",
	"qwertyuiop1234",
	"qwertyqwerty",
	"qwerty123456",
	"qwerty1234567",
	"qwerty123456789",
	"asdfghjkl123",
	"asdfghjklzxcvbnm",
	"zxcvbnmasdfghjkl",
	"passwordpassword",
	"password1234",
	"password12345",
	"password123456",
	"password1234567",
	"password123456789",
	"password2024",
	"password2025",
	"password2026",
	"passw0rd1234",
	"p@ssw0rd1234",
	"p@ssword1234",
	"administrator",
	"administrator1",
	"admin1234567",
	"admin12345678",
	"admin123456789",
	"adminadminadmin",
	"adminpassword",
	"rootrootroot",
	"changeme1234",
	"changemenow1",
	"changemechangeme",
	"letmeinletmein",
	"letmein12345",
	"welcome12345",
	"welcome123456",
	"welcomewelcome",
	"iloveyou1234",
	"iloveyouiloveyou",
	"ilovemyfamily",
	"abcdefghijkl",
	"abcdefghijklm",
	"abcdefghijklmnop",
	"abc123abc123",
	"abcd1234abcd",
	"abcd12345678",
	"correcthorsebatterystaple",
	"sluicesluice",
	"sluice123456",
};

/* Code points of @text, or -1 when it is no UTF-8. Stops counting past the longest password. */
static int count_code_points(const char *text)
{
	size_t left = strnlen(text, PASSWORD_BYTES_MAX);
	int count = 0;

	while (left > 0 && count <= PASSWORD_CHARS_MAX) {
		bool is_valid;
		size_t len = utf8_sequence_len(text, left, &is_valid);

		if (!is_valid)
			return -1;
		text += len;
		left -= len;
		count++;
	}
	return count;
}

static bool is_pattern(const char *password)
{
	bool seen[256] = { false };
	int different = 0;

	for (const char *c = password; *c; c++) {
		different += !seen[(uint8_t)*c];
		seen[(uint8_t)*c] = true;
	}
	return different < DIFFERENT_BYTES_MIN;
}

static bool is_common(const char *password)
{
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (strcasecmp(password, common[i]) == 0)
			return true;
	}
	return false;
}

int password_check(const char *password, const char *name, const char **message)
{
	int count = count_code_points(password);

	*message = "";
	if (count < 0)
		*message = "The password is not valid UTF-8 text.";
	else if (count < PASSWORD_CHARS_MIN)
		*message = "The password needs at least 12 characters.";
	else if (count > PASSWORD_CHARS_MAX)
		*message = "The password may have at most 128 characters.";
	else if (strcasecmp(password, name) == 0)
		*message = "The password must not be the user name.";
	else if (is_pattern(password) || is_common(password))
		*message = "This password is among the first anybody would try.";
	return **message ? -EINVAL : 0;
}

bool user_name_is_valid(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@-";
	size_t len = strnlen(name, USER_NAME_MAX);

	/*
	 * A colon is not allowed, so none is taken for a "unix:USER"; "." and ".." stand in no
	 * path, so nobody of that name could be disabled.
	 */
	return len > 0 && len < USER_NAME_MAX && strspn(name, allowed) == len &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

bool user_email_is_valid(const char *email)
{
	size_t len = strnlen(email, USER_EMAIL_MAX);
	const char *at = strchr(email, '@');

	if (len == 0)
		return true; /* may be left out */
	if (len >= USER_EMAIL_MAX || !at || at == email || !at[1] || strchr(at + 1, '@'))
		return false;
	for (const char *c = email; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	}
	return true;
}
