import { dirname } from 'node:path';
import type { OutsideFile } from '../core/preflight/judge-uploads';
import { SpotreelError } from '../core/errors';
import { printableName } from '../core/printable';
import { confirm } from './confirm';
import { formatMebibytes } from './upload-files';

/** Files of one folder that are listed one by one. */
const MOST_OF_FOLDER = 5;

/** Lines of the list; the rest is counted. */
const MOST_LINES = 40;

const INSTEAD =
  'check the files above, then give --yes, or --project DIR for the folder that may be uploaded without asking';

const TOO_MANY =
  "too many files outside the scene's folder to show all of them: give --project DIR for the folder that may be uploaded, or --yes";

/**
 * Lists the files outside the scene's folder and asks whether they may be uploaded. `isYes` answers. Throws `bad-usage` where
 * there is no terminal, and where the list is cut: a scene could name harmless files first and hide others behind them.
 */
export async function confirmUploads(
  outside: readonly OutsideFile[],
  isYes: boolean,
  say: (text: string) => void,
): Promise<boolean> {
  if (outside.length === 0) return true;
  say(`the scene needs ${countFiles(outside)} outside its own folder:`);
  const lines = describeOutside(outside);
  for (const line of lines) say(line);
  if (!isYes && lines.length > MOST_LINES) throw new SpotreelError('bad-usage', 'usage', TOO_MANY);
  return isYes || confirm(`upload ${outside.length === 1 ? 'it' : 'them'}?`, INSTEAD);
}

/** A line for each file, or for each folder with many of them: pure. */
export function describeOutside(outside: readonly OutsideFile[]): string[] {
  const folders = new Map<string, OutsideFile[]>();
  for (const file of outside) {
    const folder = dirname(file.realPath);
    const files = folders.get(folder);
    if (files) files.push(file);
    else folders.set(folder, [file]);
  }
  const lines = [...folders].flatMap(([folder, files]) =>
    files.length > MOST_OF_FOLDER
      ? [{ text: `  ${printableName(folder)}/: ${countFiles(files)}`, files }]
      : files.map((file) => ({ text: `  ${nameOf(file)} (${formatMebibytes(file.size)})`, files: [file] })),
  );
  const rest = lines.slice(MOST_LINES).flatMap(({ files }) => files);
  const shown = lines.slice(0, MOST_LINES).map(({ text }) => text);
  return rest.length === 0 ? shown : [...shown, `  and ${countFiles(rest)} more`];
}

function nameOf({ path, realPath }: OutsideFile): string {
  const name = printableName(path);
  return path === realPath ? name : `${name}, a link to ${printableName(realPath)}`;
}

function countFiles(files: readonly OutsideFile[]): string {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `${files.length} ${files.length === 1 ? 'file' : 'files'} (${formatMebibytes(bytes)})`;
}
