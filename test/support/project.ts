import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { blender } from './blender';
import { ROOT } from './source-files';

/** The colours of the four squares in each frame, from the left; see `test/fixtures/project/make.py`. */
export const PROJECT_COLOURS: Readonly<Record<number, readonly string[]>> = {
  1: ['ff0000', 'ffff00', '00ff00', '0000ff'],
  2: ['ff0000', '00ffff', '00ff00', '0000ff'],
  3: ['ff0000', 'ffffff', '00ff00', '0000ff'],
};

/** The colour in which Blender shows a missing picture. */
export const MISSING_COLOUR = 'ff00ff';

/** Every file of the project but the scene, `film/shot.blend`. */
export const PROJECT_FILES = [
  'film/lib/props.blend',
  'film/lib/textures/wood.png',
  'film/plates/plate_0001.png',
  'film/plates/plate_0002.png',
  'film/plates/plate_0003.png',
  'film/tiles/tile.1001.png',
  'film/tiles/tile.1002.png',
];

/** Makes the project with Blender once for the tests of a file; gives a function that copies it to a folder. */
export function useProject(): (folder: string) => void {
  let made: string;
  beforeAll(async () => {
    made = mkdtempSync(join(tmpdir(), 'spotreel project '));
    const script = join(ROOT, 'test/fixtures/project/make.py');
    await blender(['--factory-startup', '--python-exit-code', '1', '--python', script, '--', made]);
    const backups = readdirSync(made, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.blend1'),
    );
    for (const path of backups) rmSync(join(made, path));
  }, 60_000);
  afterAll(() => rmSync(made, { recursive: true, force: true }));
  return (folder) => cpSync(made, folder, { recursive: true });
}

/** The colours in the middle of the four squares of a frame, in hexadecimal. */
export function squaresOf(png: Uint8Array): string[] {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  return [0, 1, 2, 3].map((square) => {
    const x = Math.floor(((square + 0.5) * width) / 4);
    const offset = (Math.floor(height / 2) * width + x) * 4;
    return data.subarray(offset, offset + 3).toString('hex');
  });
}

export function squaresInFile(path: string): string[] {
  return squaresOf(readFileSync(path));
}
