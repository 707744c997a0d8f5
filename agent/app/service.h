/*
 * The service thread (core's main thread): requests from front and from the command line, one API
 * for both; incidents, blocks and sessions; live events to front.
 */
#ifndef SLUICE_APP_SERVICE_H
#define SLUICE_APP_SERVICE_H

#include "agent/app/internal.h"

struct cell;
struct outputs;
struct pipeline;
struct queue;
struct service;
struct facts;
struct store;

struct service_options {
	struct app *app;
	struct store *store;
	struct cell *cell;
	struct queue *queue; /* struct service_message from the other threads */
	struct pipeline *pipeline;
	struct outputs *outputs; /* NULL: nothing goes out */
	struct facts *facts;	 /* borrowed */
	int control;		 /* to the supervisor */
	int front_link;
};

/* service_new - services prepared, blocks replayed into the datapath, users set up. */
int service_new(const struct service_options *options, struct service **out);
/* service_run - until the supervisor says stop or is gone. */
int service_run(struct service *service);
/* service_free - accepts NULL. */
void service_free(struct service *service);

#endif
