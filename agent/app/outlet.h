/*
 * The pipeline's way out of the house: records and names as EVE lines, records for IPFIX, handed to
 * the outputs. The pipeline thread's own.
 */
#ifndef SLUICE_APP_OUTLET_H
#define SLUICE_APP_OUTLET_H

#include "agent/util/cleanup.h"

struct app;
struct finding;
struct flow;
struct mail_settings;
struct name_event;
struct outlet;
struct output_settings;
struct outputs;

/* outlet_settings - from the configuration; borrows from it and from @host (HOST_NAME_MAX + 1). */
void outlet_settings(const struct app *app, char *host, struct output_settings *out);
/* outlet_mail - the same of [Mail]. */
void outlet_mail(const struct app *app, char *host, struct mail_settings *out);
/* outlet_place - what needs root: the EVE file, and sentences about wrong settings. Returns 0 or an
 * exit status of cli.h. */
int outlet_place(const struct app *app);

/* outlet_new - @outputs NULL: *out becomes NULL, which all below accept. */
int outlet_new(struct outputs *outputs, struct outlet **out);
void outlet_free(struct outlet *outlet);
DEFINE_CLEANUP(outlet_free, struct outlet)
void outlet_flow(struct outlet *outlet, const struct flow *flow);
void outlet_name(struct outlet *outlet, const struct name_event *event);
void outlet_alert(struct outlet *outlet, const struct finding *finding);
/* outlet_flush - once a second, and after what cannot wait. */
void outlet_flush(struct outlet *outlet);

#endif
