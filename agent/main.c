/* Contents page: the command line decides; `run` and `demo` are the service. */
#include "agent/app/app.h"
#include "agent/cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv, app_run);
}
