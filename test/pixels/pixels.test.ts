import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fewOrAll } from '../support/heavy';
import { findBlender, type BlenderAtHand } from './blender-at-hand';
import { FEATURES } from './features';
import type { Verdict } from './run-feature';
import { featuresOf, runFeatures } from './run-features';

jest.setTimeout(1_200_000);

/** A picture, other files and files of the scene. */
const USUAL = ['still', 'file-output', 'libraries'];
const WANTED = fewOrAll('pixels', FEATURES, ({ name }) => USUAL.includes(name));

let blender: BlenderAtHand;
let folder: string;
const verdicts = new Map<string, Verdict>();

beforeAll(async () => {
  blender = await findBlender('blender');
  folder = mkdtempSync(join(tmpdir(), 'spotreel-pixels-'));
  const possible = featuresOf(blender, WANTED);
  const other = WANTED.filter((feature) => !possible.includes(feature));
  if (other.length > 0) {
    const names = other.map(({ name }) => name).join(', ');
    console.warn(`NOT TESTED: Blender ${blender.version} cannot do ${names}`);
  }
  for (const verdict of await runFeatures(blender, possible, folder)) {
    verdicts.set(verdict.name, verdict);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('no two features have the same name', () => {
  expect(new Set(FEATURES.map(({ name }) => name)).size).toBe(FEATURES.length);
});

test.each(WANTED)('Spotreel renders scene $name as plain Blender does, or refuses it', (feature) => {
  if (!featuresOf(blender, [feature]).includes(feature)) return;
  expect(verdicts.get(feature.name)?.faults).toEqual([]);
});
