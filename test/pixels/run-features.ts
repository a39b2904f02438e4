import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { mapConcurrently } from '../../core/concurrency';
import { runProgram } from '../../core/processes/run-program';
import { type BlenderAtHand, environmentFor, isOlder, seriesOf } from './blender-at-hand';
import type { Feature } from './feature';
import { renderBatches } from './plain-blender';
import { plainPlace, runFeature, type Verdict } from './run-feature';

/** For two cores: each feature runs one program after the other. */
const AT_ONCE = 2;

const BUILD = join(__dirname, 'scenes/build.py');

/** The features that a Blender and Spotreel can do. */
export function featuresOf(blender: BlenderAtHand, features: readonly Feature[]): Feature[] {
  const series = seriesOf(blender);
  return features.filter(
    ({ from, before, notByModule }) =>
      (!from || !isOlder(series, from)) &&
      (!before || isOlder(series, before)) &&
      (notByModule === undefined || !blender.isModule),
  );
}

/** Builds the scenes in one Blender, then renders and compares each. `folder` is empty and stays with what was rendered. */
export async function runFeatures(
  blender: BlenderAtHand,
  features: readonly Feature[],
  folder: string,
  tell: (verdict: Verdict) => void = () => {},
): Promise<Verdict[]> {
  const [scenes, work] = [join(folder, 'scenes'), join(folder, 'work')];
  mkdirSync(scenes, { recursive: true });
  const environment = environmentFor(blender, folder);
  const faults = await build(blender, features, scenes);
  const bench = { blender, environment, scenes, work };
  const rendered = features.filter(({ name, expect }) => !faults[name] && expect.kind !== 'refused');
  await renderBatches(rendered, blender, (feature) => plainPlace(bench, feature), AT_ONCE);
  return mapConcurrently(features, AT_ONCE, async (feature) => {
    const fault = faults[feature.name];
    const verdict = fault
      ? { name: feature.name, faults: [`the scene could not be built: ${fault}`], notes: [], seconds: 0 }
      : await runFeature(feature, bench);
    tell(verdict);
    return verdict;
  });
}

async function build(
  { command, isModule }: BlenderAtHand,
  features: readonly Feature[],
  scenes: string,
): Promise<Readonly<Record<string, string>>> {
  const [python] = command;
  const program = isModule
    ? [python!, BUILD]
    : [
        ...command,
        '--background',
        '-noaudio',
        '--factory-startup',
        '--python-exit-code',
        '1',
        '--python',
        BUILD,
      ];
  await runProgram([...program, '--', scenes, ...features.map(({ name }) => name)], {
    environment: process.env,
  });
  const faults = readFileSync(join(scenes, 'faults.json'), 'utf8');
  return z.record(z.string(), z.string()).parse(JSON.parse(faults));
}
