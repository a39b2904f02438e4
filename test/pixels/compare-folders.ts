import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { comparePictures } from './compare';

/** Two folders that should hold the same pictures. */
export interface FolderPair {
  readonly ours: string;
  readonly plain: string;
}

export interface FolderDifference {
  /** In levels of 255; infinite if the files cannot be compared. */
  readonly max: number;
  readonly words: string;
}

/** Compares pictures of the same name. `onlyOurs`: plain Blender rendered more frames than were asked of Spotreel. */
export async function compareFolders(
  pairs: readonly FolderPair[],
  onlyOurs = false,
): Promise<FolderDifference[]> {
  const found = [];
  for (const pair of pairs) found.push(...(await compareFolder(pair, onlyOurs)));
  return found;
}

async function compareFolder({ ours, plain }: FolderPair, onlyOurs: boolean): Promise<FolderDifference[]> {
  const [mine, theirs] = [picturesIn(ours), picturesIn(plain)];
  const place = basename(ours);
  if (mine.length === 0)
    return [{ max: Infinity, words: `${place}/ is empty; Blender writes ${theirs.join(', ')}` }];
  const lacking = onlyOurs ? [] : theirs.filter((name) => !mine.includes(name));
  const extra = mine.filter((name) => !theirs.includes(name));
  const found: FolderDifference[] = [
    ...lacking.map((name) => ({ max: Infinity, words: `${place}/${name} is missing` })),
    ...extra.map((name) => ({ max: Infinity, words: `Blender writes no ${place}/${name}` })),
  ];
  for (const name of mine.filter((each) => theirs.includes(each))) {
    const { max, where } = await comparePictures(join(ours, name), join(plain, name));
    if (max > 0) found.push({ max, words: `${place}/${name} differs by ${shown(max)} at ${where}` });
  }
  return found;
}

const shown = (max: number): string =>
  Number.isFinite(max) ? `${max.toFixed(2)} of 255` : 'an unknown amount';

function picturesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.[a-z0-9]{3,4}$/.test(name) && !name.endsWith('.json')).toSorted();
}
