import { folderUrl } from './keys';

/** A file that a File Output node of the compositor wrote for one frame. */
export interface FileOutput {
  /** The node's folder; letters of any script, digits, `-`, `_` and `.`. */
  readonly node: string;
  /** Its path below that, as Blender names it, with `/`. */
  readonly file: string;
}

/** Files of one frame at most. */
export const MOST_OUTPUTS = 256;

/** Characters of a name, and parts of a file's path: more than `file_outputs.py` allows, with the frame's number and an ending. */
const MOST_LETTERS = 200;
const MOST_PARTS = 16;

const NODE = /^[\p{L}\p{M}\p{N}_-][\p{L}\p{M}\p{N}_.-]*$/u;

const UNSAFE = /[\p{C}:*?"<>|\\]/u;

/** Whether the names are ones that Spotreel gives: they stay below the folder of outputs, on every system. Pure. */
export function isFileOutput({ node, file }: FileOutput): boolean {
  const parts = file.split('/');
  const areSafe = [node, ...parts].every(
    (part) =>
      part !== '' && part !== '.' && part !== '..' && part.length <= MOST_LETTERS && !UNSAFE.test(part),
  );
  return areSafe && NODE.test(node) && parts.length <= MOST_PARTS;
}

/** The folder with a folder for each File Output node. */
export const outputsFolder = (render: URL): URL => new URL('./outputs/', folderUrl(render));

/** Where a file of a File Output node is kept. Other than all other keys, it may need escaping. */
export function outputUrl(render: URL, { node, file }: FileOutput): URL {
  const parts = [node, ...file.split('/')].map(encodeURIComponent);
  return new URL(`./${parts.join('/')}`, outputsFolder(render));
}

/** The opposite: the file that is kept there; `undefined` if Spotreel keeps none of that name. */
export function fileOutputAt(url: URL, render: URL): FileOutput | undefined {
  const [node = '', ...parts] = url.pathname
    .slice(outputsFolder(render).pathname.length)
    .split('/')
    .map(decoded);
  const output = { node, file: parts.join('/') };
  return isFileOutput(output) ? output : undefined;
}

/** Whether a file may be of one of these frames: its name has the frame's number, or none at all. */
export function mayBeOfFrames({ file }: FileOutput, frames: ReadonlySet<number>): boolean {
  const name = file.split('/').at(-1)!;
  const numbers = name.match(/-?\d+/g) ?? [];
  return (
    numbers.length === 0 ||
    numbers.some((text) => frames.has(Number(text)) || frames.has(Math.abs(Number(text))))
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
