import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type BuildOptions, type Metafile, transform, type TransformOptions } from 'esbuild';
import { ROOT } from './source-files';

const OPTIONS: { split: BuildOptions; commonJs: TransformOptions } = JSON.parse(
  readFileSync(join(ROOT, 'scripts/lambda-bundle.json'), 'utf8'),
);

export interface Bundle {
  readonly metafile: Metafile;
  /** The file that Node loads; it loads the others. */
  readonly code: string;
  /** All files by their names. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of the files that the first one loads at once, itself included. */
  readonly atOnce: ReadonlySet<string>;
}

/** A Lambda bundled as scripts/build.mjs does it. */
export function bundleLambda(name: string): Promise<Bundle> {
  return bundle({ entryPoints: { index: `lambda/${name}/handler.ts` } });
}

/** Other code bundled in the same way, to compare with. */
export function bundleText(contents: string): Promise<Bundle> {
  return bundle({ stdin: { contents, resolveDir: ROOT, loader: 'ts' }, entryNames: 'index' });
}

/** Writes all files of a bundle into a folder. Returns the path of the one to load. */
export async function writeBundle({ files }: Bundle, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, code] of files) await writeFile(join(folder, name), code);
  return join(folder, 'index.js');
}

/** Bytes of these files of a bundle; of all by default. */
export function bundleBytes({ files }: Bundle, names: Iterable<string> = files.keys()): number {
  return [...names].reduce((sum, name) => sum + Buffer.byteLength(files.get(name)!), 0);
}

async function bundle(what: BuildOptions): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...OPTIONS.split,
    ...what,
    absWorkingDir: ROOT,
    outdir: 'dist',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const converted = outputFiles.map(async ({ path, text }) => {
    const { code } = await transform(text, OPTIONS.commonJs);
    return [basename(path), code] as const;
  });
  const files = new Map(await Promise.all(converted));
  return { metafile, code: files.get('index.js')!, files, atOnce: loadedAtOnce(metafile) };
}

function loadedAtOnce({ outputs }: Metafile): Set<string> {
  const paths = new Set(Object.keys(outputs).filter((path) => basename(path) === 'index.js'));
  // A set visits what is added while it is iterated.
  for (const path of paths)
    for (const { path: next, kind, external } of outputs[path]!.imports)
      if (kind === 'import-statement' && !external) paths.add(next);
  return new Set([...paths].map((path) => basename(path)));
}
