// Writes what follows from the schema in lib/settings/settings.ts: the table in docs/settings.md and the props of the construct.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsInterface, withSettingsTable } from '../lib/settings/settings-table';

const ROOT = join(__dirname, '..');
const page = join(ROOT, 'docs/settings.md');
writeFileSync(page, withSettingsTable(readFileSync(page, 'utf8')));
writeFileSync(join(ROOT, 'lib/settings/farm-settings.ts'), settingsInterface());
