/* What people read on the terminal when the service serves and when it ends. Loader only. */
#ifndef SLUICE_APP_GREET_H
#define SLUICE_APP_GREET_H

struct app;

/* greet_print - the ready line, then how to log in; @token: set-up token or empty. stdout. */
void greet_print(const struct app *app, const char *token);
void greet_print_password(const char *password);
void greet_print_summary(const char *text);

#endif
