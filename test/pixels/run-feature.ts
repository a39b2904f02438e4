import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { frameOfName } from '../../core/render/keys';
import { type Finished, spotreel } from '../support/spotreel';
import { type BlenderAtHand, isOlder, seriesOf } from './blender-at-hand';
import { compareFolders, type FolderDifference, type FolderPair } from './compare-folders';
import type { Feature } from './feature';
import { isRendered, type PlainPlace, renderPlainly, sceneFile, valuesIn } from './plain-blender';
import { readRenderResult, type RenderResult, severitiesOf } from './render-result';

/** Where one run of the harness works, and with what. */
export interface Bench {
  readonly blender: BlenderAtHand;
  /** Has Spotreel use that Blender. */
  readonly environment: Readonly<Record<string, string>>;
  /** Each scene in a folder of its name, as built. */
  readonly scenes: string;
  /** Everything that is rendered. */
  readonly work: string;
}

/** The verdict on a feature. */
export interface Verdict {
  readonly name: string;
  /** Empty: as expected. */
  readonly faults: readonly string[];
  /** Remarks that are no faults. */
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Where plain Blender renders a feature. */
export const plainPlace = ({ scenes, work }: Bench, { name }: Feature, folder = 'plain'): PlainPlace => ({
  scene: join(scenes, name),
  folder: join(work, name, folder),
});

/** Renders a scene by Spotreel and by plain Blender of the same version, and compares. Never throws. */
export async function runFeature(feature: Feature, bench: Bench): Promise<Verdict> {
  const started = performance.now();
  const run = new FeatureRun(feature, bench);
  const faults = await run
    .faults()
    .catch((error: unknown) => [error instanceof Error ? error.message : String(error)]);
  return { name: feature.name, faults, notes: run.notes, seconds: (performance.now() - started) / 1000 };
}

/** The flags that have Spotreel render as this Blender does. */
export const deviceFlags = ({ device }: Pick<BlenderAtHand, 'device'>): string[] =>
  device ? ['--device', device] : [];

class FeatureRun {
  readonly notes: string[] = [];
  private readonly scene: string;
  private readonly work: string;

  constructor(
    private readonly feature: Feature,
    private readonly bench: Bench,
  ) {
    this.scene = join(bench.scenes, feature.name);
    this.work = join(bench.work, feature.name);
  }

  async faults(): Promise<string[]> {
    const { expect } = this.feature;
    const before = listing(this.scene);
    const faults = [];
    if (expect.kind === 'refused' || expect.kind === 'forced')
      faults.push(...(await this.refusal(expect.code)));
    if (expect.kind === 'warned') faults.push(...(await this.failedFrames(expect.code)));
    if (expect.kind !== 'refused') faults.push(...(await this.likeness()));
    if (listing(this.scene) !== before) faults.push('Spotreel changed the folder of the scene');
    return faults;
  }

  /** Not one frame is rendered, and the code is that of an error. */
  private async refusal(code: string): Promise<string[]> {
    const { exitCode, result, stderr } = await this.bySpotreel('refused');
    const { says } = this.feature;
    const faults = says === undefined ? await this.severity(code, 'error') : [];
    if (says !== undefined && !stderr.includes(says)) faults.push(`it does not say "${says}"`);
    if (exitCode === 0) faults.push(`it is rendered (${result?.state}), but ${code} should refuse it`);
    else if (result && result.framesDone > 0)
      faults.push(`${result.framesDone} frames are rendered before it is refused`);
    else if (result)
      faults.push(`it is refused only after Blender started: ${result.errors.join('; ').slice(0, 200)}`);
    return faults;
  }

  /** Only frames that need the file fail; those that are stored equal Blender's. */
  private async failedFrames(code: string): Promise<string[]> {
    const { exitCode, result } = await this.bySpotreel('unforced');
    const faults = await this.severity(code, 'warning');
    if (!result) return [...faults, 'it is refused, but some of its frames may need no file'];
    if (exitCode === 0 || result.framesDone === result.frameCount)
      faults.push(`all frames are rendered without --force (${result.state}), though a file is missing`);
    if (result.framesDone > 0 && !this.crashes())
      faults.push(...(await this.pictures(result, result.framesDone)));
    return faults;
  }

  private async severity(code: string, expected: string): Promise<string[]> {
    const { stdout } = await this.run(['inspect', this.path(), '--json', ...this.sceneFlags()]);
    const severity = severitiesOf(stdout).get(code) ?? 'nothing';
    return severity === expected ? [] : [`inspect reports ${code} as ${severity}, not as ${expected}`];
  }

  /** Spotreel's pictures equal those of plain Blender. */
  private async likeness(): Promise<string[]> {
    const { expect } = this.feature;
    const { exitCode, result, stderr } = await this.bySpotreel(
      'spotreel',
      'missing' in expect ? ['--force'] : [],
    );
    // Nothing to compare with. A run without a crash must still count the missing files.
    if (this.crashes()) return exitCode === 0 && result ? this.words(result, stderr) : [];
    if (exitCode !== 0 || result?.state !== 'complete') {
      return [
        `Spotreel ends with exit code ${exitCode}: ${(result?.errors[0] ?? stderr).trim().slice(-400)}`,
      ];
    }
    return [...this.words(result, stderr), ...(await this.pictures(result))];
  }

  /** Whether plain Blender crashes, so that there is nothing to compare with. */
  private crashes(): boolean {
    const { crashes } = this.feature;
    return crashes !== undefined && !isOlder(seriesOf(this.bench.blender), crashes);
  }

  private words({ findings }: RenderResult, stderr: string): string[] {
    const { expect } = this.feature;
    if (expect.kind === 'reported' && !findings.some(({ code }) => code === expect.code)) {
      return [`no finding ${expect.code}`];
    }
    if (!('missing' in expect) || expect.missing === 0) return [];
    const words = `rendered with ${expect.missing} file${expect.missing === 1 ? '' : 's'} missing`;
    return stderr.includes(words) ? [] : [`the last line does not say "${words}"`];
  }

  private async pictures({ folder, frameCount }: RenderResult, wanted = frameCount): Promise<string[]> {
    const stored = readdirSync(join(folder, 'frames')).filter(
      (name) => frameOfName(name) !== undefined,
    ).length;
    if (stored !== wanted) return [`${stored} of ${wanted} frames are stored`];
    const onlyOurs = wanted < frameCount || this.feature.flags?.includes('--frames') === true;
    const place = plainPlace(this.bench, this.feature);
    if (existsSync(place.folder) && isRendered(place)) {
      const quick = await this.compare(folder, place, onlyOurs);
      if (quick.length === 0) return [];
    }
    // Only for scenes that differ: Blender by its own command line, twice, as its pictures may vary between runs.
    const [once, again] = [
      plainPlace(this.bench, this.feature, 'once'),
      plainPlace(this.bench, this.feature, 'again'),
    ];
    if (!existsSync(once.folder)) await renderPlainly(this.feature, this.bench.blender, once);
    const differences = await this.compare(folder, once, onlyOurs);
    if (differences.length === 0) return [];
    if (!existsSync(again.folder)) await renderPlainly(this.feature, this.bench.blender, again);
    const own = await compareFolders(this.plainPairs(once, again));
    const noise = Math.max(0, ...own.map(({ max }) => max));
    // Pictures that are missing are no noise.
    if (noise === Infinity) return ['plain Blender renders no pictures to compare with'];
    if (noise > 0)
      this.notes.push(`Blender itself differs by up to ${noise.toFixed(2)} of 255 from run to run`);
    return differences.filter(({ max }) => max > noise).map(({ words }) => words);
  }

  private compare(folder: string, plain: PlainPlace, onlyOurs: boolean): Promise<FolderDifference[]> {
    const pictures = join(plain.folder, 'frames');
    const isPng = readdirSync(pictures).every((name) => name.endsWith('.png'));
    const first = { ours: join(folder, isPng ? 'frames' : 'masters'), plain: pictures };
    const kept = join(folder, 'outputs');
    const nodes = existsSync(kept) ? readdirSync(kept).toSorted() : [];
    const outputs = (this.feature.outputs ?? []).map((written, index) => ({
      ours: join(kept, nodes[index] ?? 'nothing'),
      plain: join(plain.folder, 'scene', written),
    }));
    return compareFolders([first, ...outputs], onlyOurs);
  }

  private plainPairs(one: PlainPlace, other: PlainPlace): FolderPair[] {
    const names = ['frames', ...(this.feature.outputs ?? []).map((name) => join('scene', name))];
    return names.map((name) => ({ ours: join(one.folder, name), plain: join(other.folder, name) }));
  }

  private async bySpotreel(
    name: string,
    more: readonly string[] = [],
  ): Promise<Finished & { result?: RenderResult }> {
    const flags = (this.feature.flags ?? []).map((flag) => flag.replaceAll('{here}', this.scene));
    const place = ['-o', join(this.work, name), '-p', '1', '--video', 'none', '--json'];
    const finished = await this.run([
      'render',
      this.path(),
      ...place,
      ...deviceFlags(this.bench.blender),
      ...flags,
      ...this.sceneFlags(),
      ...more,
    ]);
    const result = readRenderResult(finished.stdout);
    return { ...finished, ...(result && { result }) };
  }

  private run(args: readonly string[]): Promise<Finished> {
    const own = valuesIn(this.feature.environment, this.scene);
    return spotreel(args, { environment: { ...this.bench.environment, ...own } });
  }

  private path(): string {
    const path = sceneFile(this.feature, this.scene);
    if (!existsSync(path)) throw new Error(`the scene was not built: ${path} is missing`);
    return path;
  }

  private sceneFlags(): string[] {
    return this.feature.scene ? ['--scene', this.feature.scene] : [];
  }
}

/** Names, sizes and times of everything in a folder. */
function listing(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
  return names
    .map((name) => {
      const { size, mtimeMs } = statSync(join(folder, name), { throwIfNoEntry: false }) ?? {};
      return `${name} ${size} ${mtimeMs}`;
    })
    .join('\n');
}
