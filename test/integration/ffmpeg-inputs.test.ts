import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { PNG } from 'pngjs';
import { soundArgs } from '../../container/worker/video/ffmpeg';
import { coarsePreviewArgs, stillsArgs, thumbnailArgs } from '../../container/worker/video/showcase';
import { useScratchFolder } from '../support/scratch-folder';

jest.setTimeout(240_000);

const at = useScratchFolder();

const stillsOf = (tiles: number[]): string[] =>
  stillsArgs(at('in 1%.png'), { tiles, numbers: false, sheet: at('sheet.jpg'), poster: at('out.jpg') }, {});

/** Each of ffmpeg's calls on a file that a render made. */
const CALLS: Array<[string, () => string[]]> = [
  ['thumbnail', () => thumbnailArgs(at('in 1%.png'), at('out.jpg'), {})],
  ['poster', () => stillsOf([])],
  ['poster with a contact sheet', () => stillsOf([1])],
  ['early preview', () => coarsePreviewArgs([at('in 1%.png')], 1, {}, at('out.mp4'))],
  [
    'sound',
    () =>
      soundArgs(
        at('in 1%.png'),
        { frameCount: 1, frameRate: { numerator: 24, denominator: 1 } },
        at('out.flac'),
      ),
  ],
];
const PICTURES = CALLS.filter(([name]) => name !== 'sound');

const run = (args: readonly string[]) => promisify(execFile)('ffmpeg', [...args]);

test.each(PICTURES)('ffmpeg makes %s of a PNG', async (_, args) => {
  const picture = PNG.sync.write(new PNG({ width: 64, height: 36 }));
  // A sheet of one tile and the poster are made of two pictures.
  writeFileSync(
    at('in 1%.png'),
    args().includes(at('sheet.jpg')) ? Buffer.concat([picture, picture]) : picture,
  );
  await run(args());
  expect(readFileSync(args().at(-1)!).length).toBeGreaterThan(100);
});

/** Texts that make ffmpeg open another file, here a film with sound, if it may choose the format of its input. */
const LISTS = {
  'HLS playlist': '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n',
  'list for concat': "ffconcat version 1.0\nfile 'other.ts'\n",
};

describe.each(Object.entries(LISTS))('for an input that is really a %s', (_, text) => {
  beforeEach(async () => {
    const film = ['-f', 'lavfi', '-i', 'testsrc=d=1:r=25', '-f', 'lavfi', '-i', 'sine=d=1', '-f', 'mpegts'];
    await run(['-hide_banner', '-loglevel', 'error', ...film, at('other.ts')]);
    writeFileSync(at('in 1%.png'), text);
  });

  test('ffmpeg by itself shows the other file', async () => {
    await run([
      '-hide_banner',
      '-loglevel',
      'error',
      '-i',
      at('in 1%.png'),
      '-frames:v',
      '1',
      at('shown.png'),
    ]);
    expect(PNG.sync.read(readFileSync(at('shown.png')))).toMatchObject({ width: 320, height: 240 });
  });

  test.each(CALLS)('Spotreel makes no %s', async (__, args) => {
    await expect(run(args())).rejects.toThrow('Command failed');
  });
});
