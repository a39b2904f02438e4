import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blender } from '../support/blender';
import { ROOT } from '../support/source-files';

jest.setTimeout(120_000);

const FIXTURES = join(ROOT, 'test/fixtures/missing');
/** Frames of each scene that are asked about. */
const FRAMES = 4;

/** What each frame of a scene lacks, by frame; one list applies to all of them. */
const WANTED: Readonly<Record<string, string[] | Readonly<Record<number, string[]>>>> = {
  used: ['//gone.png'],
  unconnected: [],
  muted: [],
  in_group: ['//gone.png'],
  unused_slot: [],
  used_slot: ['//gone.png'],
  empty_picture: ['//empty.png (empty)'],
  cut_picture: ['//cut.png (damaged)'],
  pointer_picture: ['//pointer.png (a Git LFS pointer, not the file)'],
  sequence: { 3: ['//sequence/p_0003.png'] },
  tiles: [],
  tiles_reached: ['//udim/t.1002.png'],
  light_profile: ['//gone.ies'],
  mesh_cache: ['//gone.mdd'],
  displaced: Object.fromEntries([1, 2, 3, 4].map((frame) => [frame, [`//height/h_000${frame}.png`]])),
  font: ['//gone.ttf'],
  volume: { 2: ['//smoke/s_0002.vdb'], 3: ['//smoke/s_0003.vdb (damaged)'], 4: ['//smoke/s_0004.vdb'] },
  clip: [],
  // From frame 4 on another strip covers these pictures; before, a muted one does.
  strip: { 3: ['//strip/s_0003.png'], 4: ['//late.mp4'] },
  strip_scene: { 3: ['//gone.png'], 4: ['//gone.png'] },
  stereo: [],
  stereo_gone: ['//blind_L.png'],
  library: ['Hero in //lib.blend'],
  linked: [],
  disk_cache: { 3: ['//blendcache_disk_cache/47726964_000003_00.bphys'] },
};

let made: string;
const answers = new Map<string, Record<number, string[]>>();

beforeAll(async () => {
  made = mkdtempSync(join(tmpdir(), 'spotreel missing '));
  const python = ['--factory-startup', '--python-exit-code', '1', '--python'];
  await blender([...python, join(FIXTURES, 'make.py'), '--', join(made, 'scenes')]);
  const scenes = readdirSync(join(made, 'scenes')).filter(
    (name) => name.endsWith('.blend') && name !== 'lib.blend' && name !== 'whole.blend',
  );
  const output = await blender([
    ...python,
    join(FIXTURES, 'ask.py'),
    '--',
    join(ROOT, 'container/worker/blender'),
    String(FRAMES),
    ...scenes.map((name) => join(made, 'scenes', name)),
  ]);
  for (const line of output.split('\n').filter((one) => one.startsWith('ANSWER '))) {
    const { name, frames } = JSON.parse(line.slice('ANSWER '.length));
    answers.set(name, frames);
  }
});
afterAll(() => rmSync(made, { recursive: true, force: true }));

test.each(Object.entries(WANTED))(
  'frames of the scene "%s" lack exactly the files that they show',
  (name, wanted) => {
    const frames = Array.from({ length: FRAMES }, (_, i) => i + 1);
    const expected = frames.map((frame) => (Array.isArray(wanted) ? wanted : (wanted[frame] ?? [])));
    expect(Object.values(answers.get(name) ?? {})).toEqual(expected);
  },
);

test('every made scene has expected files', () => {
  expect([...answers.keys()].toSorted()).toEqual(Object.keys(WANTED).toSorted());
});
