#!/usr/bin/env node
// oxlint-disable-next-line import/no-unassigned-import -- it loads what the next line imports
import './load-commands';
import { exitWithItsReader, runCommandLine } from './library';

// The SDK warns about the Node version that a later SDK needs. Its version is fixed here, so users need no warning.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

exitWithItsReader(process.stdout, process.stderr);

void runCommandLine(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});
