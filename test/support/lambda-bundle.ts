import { build, type BuildOptions, type Metafile } from 'esbuild';
import { ROOT } from './source-files';

export interface Bundle {
  readonly metafile: Metafile;
  readonly code: Uint8Array;
}

/** A Lambda bundled as the farm's stack does it (lib/constructs/farm-function.ts). */
export function bundleLambda(name: string): Promise<Bundle> {
  return bundle({ entryPoints: [`lambda/${name}/handler.ts`] });
}

/** Other code bundled in the same way, to compare with. */
export function bundleText(contents: string): Promise<Bundle> {
  return bundle({ stdin: { contents, resolveDir: ROOT, loader: 'ts' } });
}

async function bundle(what: BuildOptions): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    ...what,
    absWorkingDir: ROOT,
    outdir: 'dist',
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['@aws-sdk/lib-storage'],
    mainFields: ['module', 'main'],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  return { metafile, code: outputFiles[0]!.contents };
}
