import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { blenderStandIn } from '../support/blender-stand-in';
import { runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';

jest.setTimeout(900_000);

const at = useScratchFolder();

const packSchema = z
  .array(
    z.object({
      filename: z.string(),
      size: z.number(),
      files: z.array(z.object({ path: z.string() })),
    }),
  )
  .length(1);

/** What `npm pack` says about the package. */
function pack(...flags: string[]): z.infer<typeof packSchema>[number] {
  const { stdout } = spawnSync('npm', ['pack', '--json', ...flags], { cwd: ROOT, encoding: 'utf8' });
  return packSchema.parse(JSON.parse(stdout))[0]!;
}

/** Bytes. */
const LARGEST = 3_000_000;

describe('the package', () => {
  const { size, files } = pack('--dry-run', '--ignore-scripts');
  const paths = files.map(({ path }) => path);

  test('has less than 3 MB', () => expect(size).toBeLessThan(LARGEST));

  test.each([
    'dist/spotreel.js',
    'dist/index.js',
    'dist/cdk.js',
    'dist/start-worker.js',
    'dist/worker.js',
    'dist/render_frames.py',
    'dist/sandbox.pl',
    'dist/Dockerfile',
    'dist/watch-spot-notice.sh',
    'dist/lambda/submit-render/index.js',
    'docs/farm.md',
    'CHANGELOG.md',
    'LICENSE',
  ])('has %s', (path) => expect(paths).toContain(path));

  test('has no test and no source of the programs', () => {
    expect(paths.filter((path) => /^(test|core|cli|lib|lambda|container|scripts)\//.test(path))).toEqual([]);
  });

  test('depends only on zod, for its types', () => {
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
    expect(Object.keys(dependencies)).toEqual(['zod']);
  });
});

/** A program in the folder of the app; its output. Throws if it fails. */
function runIn(cwd: string, program: string, ...args: string[]): string {
  const blender = blenderStandIn();
  const env = { ...process.env, ...(blender !== undefined && { SPOTREEL_BLENDER: blender }) };
  return execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Packages that an app has anyway, from this checkout. */
const OF_THE_APP = ['aws-cdk-lib', 'constructs', 'typescript', '@types/node'];

const TSCONFIG = {
  compilerOptions: {
    ...{ target: 'ES2022', module: 'nodenext', strict: true, types: ['node'] },
    ...{ skipLibCheck: false, outDir: 'out' },
  },
  files: ['app.ts', 'farm.ts', 'automation.ts'],
};

/** The TypeScript of a page of the docs. */
function exampleIn(page: string): string {
  const text = readFileSync(join(ROOT, 'docs', `${page}.md`), 'utf8');
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!).join('\n');
}

if (runsHeavy('package'))
  test('the package works in an empty app', () => {
    const { filename, size } = pack('--pack-destination', at());
    expect(size).toBeLessThan(LARGEST);
    const app = at('app');
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'studio', private: true }));
    runIn(app, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', at(filename));
    // The peers are optional: the command line needs none of them.
    expect(existsSync(join(app, 'node_modules/aws-cdk-lib'))).toBe(false);
    copyFileSync(join(ROOT, 'examples/clock.blend'), join(app, 'clock.blend'));
    const quick = ['--frames', '1', '--resolution-percent', '5', '--samples', '1'];
    runIn(app, 'npx', '--no-install', 'spotreel', 'render', 'clock.blend', ...quick);

    mkdirSync(join(app, 'node_modules/@types'));
    for (const name of OF_THE_APP)
      symlinkSync(join(ROOT, 'node_modules', name), join(app, 'node_modules', name));
    copyFileSync(join(ROOT, 'test/fixtures/package/app.ts.txt'), join(app, 'app.ts'));
    for (const page of ['farm', 'automation']) writeFileSync(join(app, `${page}.ts`), exampleIn(page));
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    runIn(app, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'));
    const report: unknown = JSON.parse(runIn(app, process.execPath, 'out/app.js'));
    expect(report).toEqual({ state: 'complete', stored: 1, code: 'not-found' });
  });
