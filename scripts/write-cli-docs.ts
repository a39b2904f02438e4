// Writes docs/cli.md from what the command line says of itself.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeProgram } from '../cli/help';
import { buildProgram } from '../cli/main';

// What stands in the environment of whoever writes it is no default of the program's.
delete process.env.SPOTREEL_FARM_NAME;
const path = join(__dirname, '../docs/cli.md');
writeFileSync(path, describeProgram(buildProgram(async () => undefined)));
