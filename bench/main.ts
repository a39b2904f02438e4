/**
 * `npm run bench`: ratios of things measured in one run, on one machine, in turn. Each part writes its own section of
 * docs/benchmarks.md. `npm run bench -- submit` runs one part alone; `--runs 1` is a quick look.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchEstimate } from './estimate';
import { benchExample, benchStill } from './example';
import { benchFilm } from './film';
import { benchImage } from './image';
import { benchInterruptions } from './interruptions';
import { machine } from './machine';
import { benchPersistentData } from './persistent-data';
import { benchReader } from './reader';
import { benchSlices } from './slices';
import { benchStarts } from './starts';
import { benchStitch } from './stitch';
import { benchSubmit } from './submit';
import { benchUploads } from './uploads';
import { ROOT } from './ways';

const RUNS = 5;

const PAGE = join(ROOT, 'docs/benchmarks.md');

type Part = (runs: number, say: (text: string) => Promise<void>) => Promise<void>;

const PARTS: Readonly<Record<string, Part>> = {
  submit: benchSubmit,
  reader: benchReader,
  interruptions: benchInterruptions,
  starts: benchStarts,
  stitch: benchStitch,
  film: benchFilm,
  example: benchExample,
  still: benchStill,
  estimate: benchEstimate,
  image: benchImage,
  slices: benchSlices,
  uploads: benchUploads,
  'persistent-data': benchPersistentData,
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { runs: { type: 'string', default: String(RUNS) } },
    allowPositionals: true,
  });
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  for (const name of names) {
    const part = PARTS[name];
    if (!part) throw new Error(`unknown part ${name}; choose one of ${Object.keys(PARTS).join(', ')}`);
    await part(Number(values.runs), (text) =>
      writeSection(name, `${text.trim()}\n\nCommand: \`npm run bench -- ${name}\`.\nMachine: ${machine()}`),
    );
  }
}

/** Between the page's comments for this section. */
async function writeSection(name: string, text: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no ${begin} and ${end}`);
  await writeFile(PAGE, `${before}${begin}\n\n${text}\n\n${end}${after}`);
}

void main();
