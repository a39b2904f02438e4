import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For jest, before all tests: a folder in which test files share one loaded moto. It starts with the first that needs it. */
export default function makeMotoFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-moto-'));
  process.env.SPOTREEL_MOTO_FOLDER = folder;
  process.env.SPOTREEL_MOTO_OWNER = String(process.pid);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}
