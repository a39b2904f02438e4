import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { run, spread } from './measure';
import { ROOT } from './ways';

const SCENE = join(ROOT, 'examples/clock.blend');

/** Frames of a slice. */
const LENGTHS = [1, 6, 24];

const receiptSchema = z.object({ starts: z.object({ seconds: z.number(), share: z.number() }) });

/** The time until Blender could begin a frame, as a share of slices of different lengths, one slice at a time. */
export async function benchStarts(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const rows: string[] = [];
  for (const frames of LENGTHS) {
    const found = [];
    for (let turn = 1; turn <= runs; turn += 1) found.push(await startsOf(frames));
    const seconds = spread(found.map((one) => one.seconds));
    const percent = spread(
      found.map(({ share }) => share * 100),
      0,
    );
    rows.push(`| ${frames} | ${seconds} | ${percent} |`);
  }
  await say(`## The start of a slice

A slice of the example, alone on this machine: the time until Blender has opened the scene, from the start of the work.

| Frames | Seconds | % of the slice |
| --- | --- | --- |
${rows.join('\n')}

On a farm, the time also has fetching the scene. The machine pulls the image before, once for each image. The receipt
shows both.`);
}

async function startsOf(frames: number): Promise<z.infer<typeof receiptSchema>['starts']> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const flags = [
      '-f',
      String(frames),
      '-p',
      '1',
      '--frames',
      `1-${frames}`,
      '--video',
      'none',
      '-n',
      'shot',
    ];
    await run([process.execPath, join(ROOT, 'dist/spotreel.js'), 'render', SCENE, '-o', folder, ...flags]);
    const receipt = await readFile(join(folder, 'shot/receipt.json'), 'utf8');
    return receiptSchema.parse(JSON.parse(receipt)).starts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
