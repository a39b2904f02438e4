import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readBlendFacts } from '../../core/scene/blend/facts';
import type { Reach } from '../../core/scene/contents/blend-contents';
import { readBlendContents } from '../../core/scene/contents/read-contents';
import { bytesSource } from '../support/counting-source';

// Asks the real Blender (3.4, on the PATH) whether a file reaches the frame: it renders without the file and with it.

const SCRIPT = join(__dirname, '../fixtures/blend-contents/reach_scenes.py');

/** Above what 8-bit rounding makes. */
const DIFFERENT = 0.02;

/** What the reader says of `//gone.png` in each scene. */
const EXPECTED: Readonly<Record<string, Reach>> = {
  plain: 'rendered',
  slot_of_faces: 'rendered',
  slot_of_no_face: 'unused',
  slot_after_solidify: 'maybe',
  slot_of_object: 'rendered',
  hidden_object: 'unused',
  hidden_object_animated: 'maybe',
  hidden_parent_collection: 'unused',
  excluded_collection: 'unused',
  instance_of_excluded: 'rendered',
  hidden_in_instance: 'unused',
  unlinked_node: 'unused',
  muted_node: 'unused',
  muted_link: 'unused',
  inactive_output: 'unused',
  node_group: 'rendered',
  unlinked_in_group: 'unused',
  other_scene: 'unused',
  background_scene: 'rendered',
  material_override: 'rendered',
  displaced: 'rendered',
  displaced_in_viewport: 'unused',
  world: 'rendered',
  compositor: 'rendered',
  compositor_without_layers: 'unused',
  strip: 'rendered',
  strip_muted: 'unused',
  strip_in_muted_channel: 'unused',
  strips_over_scene: 'unused',
  scene_strip: 'rendered',
  set_material_node: 'maybe',
};

let folder: string;
/** By how much the pictures without and with the file differ, by scene. */
let differences: Map<string, number>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spotreel-reach-'));
  const args = ['-b', '--factory-startup', '--python-exit-code', '1', '--python', SCRIPT, '--', folder];
  const { stdout } = await promisify(execFile)('blender', args, { maxBuffer: 64 << 20 });
  const lines = stdout.split('\n').filter((line) => line.startsWith('REACH '));
  differences = new Map(lines.map((line) => JSON.parse(line.slice('REACH '.length))));
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('every made scene has an expected reach', () => {
  expect([...differences.keys()].toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
});

describe.each(Object.entries(EXPECTED))('the scene %s', (name, expected) => {
  test(`the reader calls the file ${expected}`, async () => {
    const source = bytesSource(await readFile(join(folder, `${name}.blend`)));
    const { activeScene } = await readBlendFacts(source);
    const { dependencies } = await readBlendContents(source, undefined, { scene: activeScene });
    expect(dependencies).toMatchObject([{ path: '//gone.png', reach: expected }]);
  });

  // Of `maybe` either is right.
  const shows = expected === 'rendered' ? [true] : expected === 'unused' ? [false] : [true, false];
  test('Blender agrees', () => {
    expect(shows).toContain(differences.get(name)! > DIFFERENT);
  });
});
