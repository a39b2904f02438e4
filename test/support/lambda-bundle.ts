import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions, type Metafile } from 'esbuild';
import { ROOT } from './source-files';

const OPTIONS: BuildOptions = JSON.parse(readFileSync(join(ROOT, 'scripts/lambda-bundle.json'), 'utf8'));

export interface Bundle {
  readonly metafile: Metafile;
  readonly code: Uint8Array;
}

/** A Lambda bundled as scripts/build.mjs does it. */
export function bundleLambda(name: string): Promise<Bundle> {
  return bundle({ entryPoints: [`lambda/${name}/handler.ts`] });
}

/** Other code bundled in the same way, to compare with. */
export function bundleText(contents: string): Promise<Bundle> {
  return bundle({ stdin: { contents, resolveDir: ROOT, loader: 'ts' } });
}

async function bundle(what: BuildOptions): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...OPTIONS,
    ...what,
    absWorkingDir: ROOT,
    outdir: 'dist',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  return { metafile, code: outputFiles[0]!.contents };
}
