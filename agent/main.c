/* Contents page: the command line decides; `run` and `demo` are the service, `replay` reads a file,
 * `selftest` attacks itself.
 */
#include "agent/app/app.h"
#include "agent/app/replay.h"
#include "agent/app/sections.h"
#include "agent/app/selftest.h"
#include "agent/cli/cli.h"

int main(int argc, char **argv)
{
	static const struct cli_callbacks callbacks = { .service = app_run,
							.check = sections_check,
							.replay = app_replay,
							.selftest = app_selftest };

	return cli_main(argc, argv, &callbacks);
}
