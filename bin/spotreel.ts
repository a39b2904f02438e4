#!/usr/bin/env node
import { runCommandLine } from '../cli/main';
import { exitWithItsReader } from '../cli/output';

// The SDK's version is fixed here: which Node a later one will want is for whoever raises it, not for who renders.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

exitWithItsReader(process.stdout, process.stderr);

void runCommandLine(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});
