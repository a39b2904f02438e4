// Writes the table of settings in docs/settings.md from the schema in lib/settings.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withSettingsTable } from '../lib/settings-table';

const path = join(__dirname, '../docs/settings.md');
writeFileSync(path, withSettingsTable(readFileSync(path, 'utf8')));
